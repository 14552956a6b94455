// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELChecker {
    mutating func type(of macro: CELMacro) -> CELType {
        let target = self.type(of: macro.target)
        let parts = self.parts(of: target, for: macro)
        self.slots[macro.slot] = parts.first == .unresolved ? .dyn : parts.first
        self.locals.append(macro.variable)
        if let second = macro.second {
            self.slots[second.slot] = parts.second == .unresolved ? .dyn : parts.second
            self.locals.append(second.name)
        }
        defer { self.locals.removeLast(macro.second == nil ? 1 : 2) }
        if let predicate = macro.predicate {
            _ = self.require(.bool, of: predicate, for: "'\(macro.name.rawValue)'")
        }
        let body = macro.body.map { self.type(of: $0) } ?? .dyn
        let isSpoiled = parts.first == .error
        switch macro.name {
        case .all, .exists, .existsOne, .existsOneOfTwo:
            return .bool
        case .filter:
            return isSpoiled ? .error : .list(parts.first)
        case .map, .transformList:
            return isSpoiled ? .error : .list(body)
        case .transformMap:
            return isSpoiled ? .error : .map(parts.first == .unresolved ? .dyn : parts.first, body)
        case .transformMapEntry:
            return isSpoiled ? .error : self.typeOfEntries(body, of: macro)
        case .optMap:
            return isSpoiled ? .error : Self.optional(body)
        case .optFlatMap:
            return isSpoiled ? .error : self.requireOptional(body, of: macro)
        case .sortBy:
            if let key = macro.body, !body.isOrdered {
                self.report(
                    .wrongType,
                    "'\(self.snippet(key.range))' is \(body.resolved), which has no order",
                    at: key.range,
                    help: "sort by a number, a text, a duration or a moment"
                )
            }
            return isSpoiled ? .error : .list(parts.first)
        }
    }

    /// What the variables of a macro stand for.
    private mutating func parts(of target: CELType, for macro: CELMacro) -> (first: CELType, second: CELType) {
        let isOfOptional = macro.name == .optMap || macro.name == .optFlatMap
        switch target {
        case .optional(let content) where isOfOptional: return (content, .dyn)
        case .list(let element) where !isOfOptional: return macro.second == nil ? (element, .dyn) : (.int, element)
        case .map(let key, let value) where !isOfOptional: return (key, value)
        case .error: return (.error, .error)
        case .dyn, .parameter: return (.dyn, .dyn)
        default:
            let needed = isOfOptional ? "an optional" : "a list"
            self.report(
                .wrongType,
                "'\(macro.name.rawValue)' needs \(needed), but '\(self.snippet(macro.target.range))' is \(target.resolved)",
                at: macro.target.range
            )
            return (.error, .error)
        }
    }

    private mutating func typeOfEntries(_ body: CELType, of macro: CELMacro) -> CELType {
        switch body {
        case .map, .dyn, .error, .parameter: return body
        default:
            return self.report(
                .wrongType,
                "'transformMapEntry' needs a map of one entry, not \(body.resolved)",
                at: macro.body?.range ?? macro.nameRange,
                help: "write {key: value}"
            )
        }
    }

    private mutating func requireOptional(_ body: CELType, of macro: CELMacro) -> CELType {
        switch body {
        case .optional, .dyn, .error, .parameter: return body
        default:
            return self.report(
                .wrongType,
                "'optFlatMap' needs an optional, not \(body.resolved)",
                at: macro.body?.range ?? macro.nameRange,
                help: "write optMap, or optional.of(…)"
            )
        }
    }

    mutating func type(of binding: CELBinding) -> CELType {
        let value = self.type(of: binding.value)
        self.slots[binding.slot] = value == .unresolved ? .dyn : value
        self.locals.append(binding.name)
        defer { self.locals.removeLast() }
        return self.type(of: binding.body)
    }

    /// An optional of an optional is written by hand only; what may be absent twice is absent.
    static func optional(_ type: CELType) -> CELType {
        switch type {
        case .error, .optional: type
        default: .optional(type)
        }
    }

    /// The type inside of the optional that `?` needs.
    mutating func typeOfContent(_ operand: CELNode) -> CELType {
        let type = self.type(of: operand)
        switch type {
        case .optional(let content): return content
        case .dyn, .error, .parameter: return type
        default:
            return self.report(
                .wrongType,
                "'?' needs an optional, but '\(self.snippet(operand.range))' is \(type.resolved)",
                at: operand.range,
                help: "leave out the '?', or write optional.of(…)"
            )
        }
    }

    // MARK: Patterns

    /// A regular expression that is a constant is read now, and its mistakes have a place.
    mutating func checkPattern(_ node: CELNode) {
        guard case .literal(.string(let text)) = node.kind else {
            return
        }
        do throws(CELPattern.Problem) {
            _ = try CELPattern(text)
        } catch {
            self.report(.pattern, error.message, at: self.place(of: error.range, in: text, writtenAt: node.range))
        }
    }

    /// Where a part of a literal is written; the whole literal when escapes are in the way.
    private func place(of part: Range<Int>, in content: String, writtenAt range: Range<Int>) -> Range<Int> {
        let written = Array(self.snippetBytes(range))
        let wanted = Array(content.utf8)
        guard let quote = written.firstIndex(where: { $0 == UInt8(ascii: "'") || $0 == UInt8(ascii: "\"") }) else {
            return range
        }
        let isTripled =
            written.count >= quote + 6 && written[quote + 1] == written[quote] && written[quote + 2] == written[quote]
        let start = quote + (isTripled ? 3 : 1)
        // Every byte of the content with the place where it is written; a backslash is two characters for one.
        var places: [Int] = []
        var position = start
        let isRaw = written[..<quote].contains { $0 == UInt8(ascii: "r") || $0 == UInt8(ascii: "R") }
        for byte in wanted {
            guard position < written.count else {
                return range
            }
            places.append(position)
            if !isRaw, written[position] == UInt8(ascii: "\\"), position + 1 < written.count,
                written[position + 1] == byte
            {
                position += 1
            }
            guard written[position] == byte else {
                return range
            }
            position += 1
        }
        places.append(position)
        return (range.lowerBound + places[part.lowerBound])..<(range.lowerBound + places[part.upperBound])
    }
}
