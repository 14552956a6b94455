// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELStandardFunction {
    static let strings: [CELStandardFunction] = [
        test("contains") { Text.position(of: $1[...], in: $0[...]) != nil },
        test("startsWith") { $0.starts(with: $1) },
        test("endsWith") { $0.count >= $1.count && $0.suffix($1.count).elementsEqual($1) },
        change("lowerAscii") { $0.map { (65...90).contains($0) ? $0 + 32 : $0 } },
        change("upperAscii") { $0.map { (97...122).contains($0) ? $0 - 32 : $0 } },
        CELStandardFunction([.method("trim", [.string], .string)]) { arguments, cost throws(CELEvaluationError) in
            guard case .string(let text) = arguments[0] else {
                return nil
            }
            try cost.spend(bytes: text.utf8.count)
            let scalars = Array(text.unicodeScalars)
            let start = scalars.firstIndex { !$0.properties.isWhitespace } ?? scalars.count
            let end = scalars.lastIndex { !$0.properties.isWhitespace } ?? start - 1
            return .string(Text.string(scalars[start..<(end + 1)]))
        },
        CELStandardFunction([.method("charAt", [.string, .int], .string)]) {
            arguments,
            cost throws(CELEvaluationError) in
            guard arguments.count == 2, case .string(let text) = arguments[0], case .int(let index) = arguments[1]
            else {
                return nil
            }
            let scalars = try Text.scalars(text, &cost)
            let position = try Text.position(index, in: scalars)
            return .string(Text.string(scalars[position..<min(position + 1, scalars.count)]))
        },
        CELStandardFunction([
            .method("substring", [.string, .int], .string), .method("substring", [.string, .int, .int], .string),
        ]) { arguments, cost throws(CELEvaluationError) in try Self.substring(arguments, &cost) },
        CELStandardFunction([
            .method("indexOf", [.string, .string], .int), .method("indexOf", [.string, .string, .int], .int),
        ]) { arguments, cost throws(CELEvaluationError) in
            try Self.search(arguments, &cost) { text, part, from in
                Text.position(of: part[...], in: text[(from ?? 0)...])
            }
        },
        CELStandardFunction([
            .method("lastIndexOf", [.string, .string], .int), .method("lastIndexOf", [.string, .string, .int], .int),
        ]) { arguments, cost throws(CELEvaluationError) in
            try Self.search(arguments, &cost) { text, part, from in
                guard part.count <= text.count else {
                    return nil
                }
                let last = min(from ?? text.count, text.count - part.count)
                return stride(from: last, through: 0, by: -1).first { text[$0...].starts(with: part) }
            }
        },
        CELStandardFunction([
            .method("replace", [.string, .string, .string], .string),
            .method("replace", [.string, .string, .string, .int], .string),
        ]) { arguments, cost throws(CELEvaluationError) in try Self.replace(arguments, &cost) },
        CELStandardFunction([
            .method("split", [.string, .string], .list(.string)),
            .method("split", [.string, .string, .int], .list(.string)),
        ]) { arguments, cost throws(CELEvaluationError) in try Self.split(arguments, &cost) },
        CELStandardFunction([
            .method("join", [.list(.string)], .string), .method("join", [.list(.string), .string], .string),
        ]) { arguments, cost throws(CELEvaluationError) in try Self.join(arguments, &cost) },
        CELStandardFunction([.function("strings.quote", [.string], .string)]) {
            arguments,
            cost throws(CELEvaluationError) in
            guard case .string(let text) = arguments.first else {
                return nil
            }
            try cost.spend(bytes: text.utf8.count)
            return .string(CELValue.quoted(text))
        },
    ]

    /// A question about a text and a part of it.
    private static func test(
        _ name: String,
        _ answer: @escaping @Sendable ([UInt8], [UInt8]) -> Bool
    ) -> CELStandardFunction {
        CELStandardFunction([.method(name, [.string, .string], .bool)]) { arguments, cost throws(CELEvaluationError) in
            guard arguments.count == 2, case .string(let text) = arguments[0], case .string(let part) = arguments[1]
            else {
                return nil
            }
            try cost.spend(bytes: text.utf8.count + part.utf8.count)
            return .bool(answer(Array(text.utf8), Array(part.utf8)))
        }
    }

    /// Works on UTF-8 and may touch ASCII bytes only.
    private static func change(
        _ name: String,
        _ change: @escaping @Sendable ([UInt8]) -> [UInt8]
    ) -> CELStandardFunction {
        CELStandardFunction([.method(name, [.string], .string)]) { arguments, cost throws(CELEvaluationError) in
            guard case .string(let text) = arguments[0] else {
                return nil
            }
            try cost.spend(bytes: text.utf8.count)
            return .string(String(decoding: change(Array(text.utf8)), as: UTF8.self))
        }
    }

    private static func substring(
        _ arguments: [CELValue],
        _ cost: inout CELCost
    ) throws(CELEvaluationError) -> CELValue? {
        guard case .string(let text) = arguments[0], arguments.count > 1, case .int(let start) = arguments[1] else {
            return nil
        }
        let scalars = try Text.scalars(text, &cost)
        let from = try Text.position(start, in: scalars)
        var to = scalars.count
        if arguments.count == 3 {
            guard case .int(let end) = arguments[2] else {
                return nil
            }
            to = try Text.position(end, in: scalars)
        }
        guard from <= to else {
            throw CELEvaluationError(.indexOutOfRange, "the end \(to) is before the start \(from)")
        }
        return .string(Text.string(scalars[from..<to]))
    }

    private static func search(
        _ arguments: [CELValue],
        _ cost: inout CELCost,
        _ find: ([Unicode.Scalar], [Unicode.Scalar], Int?) -> Int?
    ) throws(CELEvaluationError) -> CELValue? {
        guard arguments.count > 1, case .string(let text) = arguments[0], case .string(let part) = arguments[1] else {
            return nil
        }
        let scalars = try Text.scalars(text, &cost)
        let sought = try Text.scalars(part, &cost)
        var from: Int?
        if arguments.count == 3 {
            guard case .int(let offset) = arguments[2] else {
                return nil
            }
            from = try Text.position(offset, in: scalars)
        }
        return .int(Int64(find(scalars, sought, from) ?? -1))
    }

    /// The optional last argument of `replace` and `split`; negative means no limit.
    private static func limit(_ arguments: [CELValue], at index: Int) -> Int?? {
        guard arguments.count > index else {
            return .some(nil)
        }
        guard case .int(let limit) = arguments[index] else {
            return nil
        }
        // No text has that many parts; the highest number would not bear counting one further.
        return .some(limit < 0 || limit == .max ? nil : Int(limit))
    }

    private static func replace(_ arguments: [CELValue], _ cost: inout CELCost) throws(CELEvaluationError) -> CELValue?
    {
        guard arguments.count > 2, case .string(let text) = arguments[0], case .string(let old) = arguments[1],
            case .string(let new) = arguments[2], let limit = self.limit(arguments, at: 3)
        else {
            return nil
        }
        let pieces = try Text.pieces(of: text, at: old, limit: limit.map { $0 + 1 }, &cost)
        try cost.spend(bytes: pieces.count * new.utf8.count)
        return .string(pieces.joined(separator: new))
    }

    private static func split(_ arguments: [CELValue], _ cost: inout CELCost) throws(CELEvaluationError) -> CELValue? {
        guard arguments.count > 1, case .string(let text) = arguments[0], case .string(let separator) = arguments[1],
            let limit = self.limit(arguments, at: 2)
        else {
            return nil
        }
        if limit == 0 {
            return .list([])
        }
        if separator.isEmpty {
            let scalars = try Text.scalars(text, &cost)
            try cost.spend(scalars.count)
            let single = limit.map { min($0 - 1, scalars.count) } ?? scalars.count
            let rest = scalars.count > single ? [CELValue.string(Text.string(scalars[single...]))] : []
            return .list(scalars[..<single].map { .string(String(Character($0))) } + rest)
        }
        let pieces = try Text.pieces(of: text, at: separator, limit: limit, &cost)
        return .list(pieces.map { .string($0) })
    }

    private static func join(_ arguments: [CELValue], _ cost: inout CELCost) throws(CELEvaluationError) -> CELValue? {
        guard case .list(let elements) = arguments[0] else {
            return nil
        }
        var separator = ""
        if arguments.count > 1 {
            guard case .string(let text) = arguments[1] else {
                return nil
            }
            separator = text
        }
        if let unknown = Self.unknownElement(of: elements) {
            return .unknown(unknown)
        }
        var parts: [String] = []
        for element in elements {
            guard case .string(let part) = element else {
                return nil
            }
            try cost.spend(1)
            try cost.spend(bytes: part.utf8.count + separator.utf8.count)
            parts.append(part)
        }
        return .string(parts.joined(separator: separator))
    }
}

/// Texts as CEL sees them: sequences of code points.
private enum Text {
    static func scalars(_ text: String, _ cost: inout CELCost) throws(CELEvaluationError) -> [Unicode.Scalar] {
        try cost.spend(bytes: text.utf8.count)
        return Array(text.unicodeScalars)
    }

    static func string(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// A position from the start up to and including the end.
    static func position(_ index: Int64, in scalars: [Unicode.Scalar]) throws(CELEvaluationError) -> Int {
        guard index >= 0, index <= Int64(scalars.count) else {
            throw CELEvaluationError(
                .indexOutOfRange,
                "position \(index) is outside of a string with \(scalars.count) characters"
            )
        }
        return Int(index)
    }

    static func position<Element: Equatable>(of part: ArraySlice<Element>, in text: ArraySlice<Element>) -> Int? {
        guard let first = part.first else {
            return text.startIndex
        }
        guard part.count <= text.count else {
            return nil
        }
        for start in text.startIndex...(text.endIndex - part.count)
        where text[start] == first && text[start..<(start + part.count)] == part {
            return start
        }
        return nil
    }

    /// The text cut at every separator, into at most `limit` pieces.
    static func pieces(
        of text: String,
        at separator: String,
        limit: Int?,
        _ cost: inout CELCost
    ) throws(CELEvaluationError) -> [String] {
        let scalars = try self.scalars(text, &cost)
        let cut = try self.scalars(separator, &cost)
        var pieces: [String] = []
        var rest = scalars[...]
        // An empty separator cuts before every character and at the end, as `replace` needs it.
        var from = rest.startIndex
        while limit.map({ pieces.count + 1 < $0 }) ?? true,
            let position = self.position(of: cut[...], in: rest[from...])
        {
            try cost.spend(1)
            pieces.append(self.string(rest[..<position]))
            rest = rest[(position + cut.count)...]
            if cut.isEmpty {
                guard !rest.isEmpty else {
                    break
                }
                from = rest.startIndex + 1
            } else {
                from = rest.startIndex
            }
        }
        pieces.append(self.string(rest))
        return pieces
    }
}
