// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELEvaluator.Walk {
    /// `nil` for what has no elements.
    init?(over target: CELValue, byKey: Bool) {
        switch target {
        case .list(let elements):
            self.init(values: elements)
            if byKey {
                self.keys = elements.indices.map { .int(Int64($0)) }
            }
        case .map(let map):
            self.init(values: map.entries.map(byKey ? \.value : \.key))
            if byKey {
                self.keys = map.entries.map(\.key)
            }
        case .partialList(let list):
            self.init(
                values: list.elements.map(\.value),
                flags: list.elements.map(\.isDefinite),
                unknown: list.unknown
            )
            if byKey {
                self.keys = list.positions
            }
        default:
            return nil
        }
    }
}

extension CELPartialList {
    /// Behind a doubtful element nobody knows at which position the others are.
    fileprivate var positions: [CELValue] {
        var isCertain = true
        return self.elements.enumerated().map { index, element in
            isCertain = isCertain && element.isDefinite
            return isCertain ? .int(Int64(index)) : .unknown(self.unknown)
        }
    }
}

extension CELEvaluator {
    /// `transformMap` and `transformMapEntry`; a doubtful entry makes the whole map unknown.
    mutating func transformMap(_ walk: Walk, _ macro: CELMacro) throws(CELEvaluationError) -> CELValue {
        guard let body = macro.body, let keys = walk.keys else {
            preconditionFailure("the parser gives transformMap two variables and an expression")
        }
        var unknown = walk.unknown
        var entries: [CELMap.Entry] = []
        for index in walk.values.indices {
            switch try self.verdict(of: macro, for: index, in: walk) {
            case .yes: break
            case .no: continue
            case .unknown(let reason): unknown = CELUnknown.merged(unknown, reason)
            }
            self.enter(index, of: walk, macro)
            let value = try self.evaluate(body)
            guard macro.name == .transformMapEntry else {
                entries.append(CELMap.Entry(keys[index], value))
                continue
            }
            switch value {
            case .map(let map): entries += map.entries
            case .unknown(let reason): unknown = CELUnknown.merged(unknown, reason)
            default:
                throw Self.noOverload("'transformMapEntry' needs a map, not \(value.typeName)", at: body.range)
            }
        }
        if let unknown {
            return .unknown(unknown)
        }
        do throws(CELEvaluationError) {
            return .map(try CELMap(entries))
        } catch {
            throw error.located(at: macro.nameRange)
        }
    }

    /// `optMap` and `optFlatMap`.
    mutating func mapOptional(_ target: CELValue, _ macro: CELMacro) throws(CELEvaluationError) -> CELValue {
        guard case .optional(let content) = target, let body = macro.body else {
            throw Self.noOverload(
                "'\(macro.name.rawValue)' needs an optional, not \(target.typeName)",
                at: macro.target.range
            )
        }
        guard let content else {
            return target
        }
        self.slots[macro.slot] = content
        let value = try self.evaluate(body)
        if case .unknown = value {
            return value
        }
        guard macro.name == .optFlatMap else {
            return .optional(value)
        }
        guard case .optional = value else {
            throw Self.noOverload("'optFlatMap' needs an optional, not \(value.typeName)", at: body.range)
        }
        return value
    }
}
