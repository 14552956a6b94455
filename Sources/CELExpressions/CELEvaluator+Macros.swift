// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELEvaluator {
    /// What a macro walks over.
    struct Walk {
        var values: [CELValue]
        /// Of two variables, what the first stands for: keys or positions.
        var keys: [CELValue]?
        /// `nil` when every element is definite.
        var flags: [Bool]?
        /// Why elements are doubtful.
        var unknown: CELUnknown?

        func isDefinite(_ index: Int) -> Bool {
            self.flags?[index] ?? true
        }
    }

    mutating func macro(_ macro: CELMacro) throws(CELEvaluationError) -> CELValue {
        let target = try self.evaluate(macro.target)
        if case .unknown = target {
            return target
        }
        if macro.name == .optMap || macro.name == .optFlatMap {
            return try self.mapOptional(target, macro)
        }
        guard let walk = Walk(over: target, byKey: macro.second != nil) else {
            throw Self.noOverload(
                "'\(macro.name.rawValue)' needs a list, not \(target.typeName)",
                at: macro.target.range
            )
        }
        switch macro.name {
        case .exists: return try self.quantify(walk, macro, decisive: true)
        case .all: return try self.quantify(walk, macro, decisive: false)
        case .existsOne, .existsOneOfTwo: return try self.existsOne(walk, macro)
        case .filter, .map, .transformList: return try self.transform(walk, macro)
        case .transformMap, .transformMapEntry: return try self.transformMap(walk, macro)
        case .sortBy: return try self.sort(walk, macro)
        case .optMap, .optFlatMap: preconditionFailure("handled above")
        }
    }

    /// Gives the variables their values for one element.
    mutating func enter(_ index: Int, of walk: Walk, _ macro: CELMacro) {
        if let keys = walk.keys, let second = macro.second {
            self.slots[macro.slot] = keys[index]
            self.slots[second.slot] = walk.values[index]
        } else {
            self.slots[macro.slot] = walk.values[index]
        }
    }

    enum Verdict {
        case yes
        case no
        case unknown(CELUnknown)
    }

    mutating func verdict(
        of macro: CELMacro,
        for index: Int,
        in walk: Walk
    ) throws(CELEvaluationError) -> Verdict {
        guard let predicate = macro.predicate else {
            return .yes
        }
        self.enter(index, of: walk, macro)
        switch try self.evaluate(predicate) {
        case .bool(true): return .yes
        case .bool(false): return .no
        case .unknown(let unknown): return .unknown(unknown)
        case let other:
            throw Self.noOverload("'\(macro.name.rawValue)' needs bool, not \(other.typeName)", at: predicate.range)
        }
    }

    /// `exists` is `||` over the elements and `all` is `&&`, with the same treatment of errors and unknowns.
    ///
    /// A doubtful element never decides: it makes the answer unknown where a definite one would settle it.
    private mutating func quantify(
        _ walk: Walk,
        _ macro: CELMacro,
        decisive: Bool
    ) throws(CELEvaluationError) -> CELValue {
        var unknown: CELUnknown?
        var failure: CELEvaluationError?
        for index in walk.values.indices {
            do throws(CELEvaluationError) {
                switch try self.verdict(of: macro, for: index, in: walk) {
                case .yes where decisive, .no where !decisive:
                    if walk.isDefinite(index) {
                        return .bool(decisive)
                    }
                    unknown = walk.unknown.map { CELUnknown.merged(unknown, $0) }
                case .yes, .no: continue
                case .unknown(let reason): unknown = CELUnknown.merged(unknown, reason)
                }
            } catch {
                guard error.kind != .costExceeded else {
                    throw error
                }
                if walk.isDefinite(index) {
                    failure = failure ?? error
                } else {
                    unknown = walk.unknown.map { CELUnknown.merged(unknown, $0) }
                }
            }
        }
        if let unknown {
            return .unknown(unknown)
        }
        if let failure {
            throw failure
        }
        return .bool(!decisive)
    }

    private mutating func existsOne(_ walk: Walk, _ macro: CELMacro) throws(CELEvaluationError) -> CELValue {
        var unknown: CELUnknown?
        var count = 0
        for index in walk.values.indices {
            switch try self.verdict(of: macro, for: index, in: walk) {
            case .yes where walk.isDefinite(index): count += 1
            case .yes: unknown = walk.unknown.map { CELUnknown.merged(unknown, $0) }
            case .no: continue
            case .unknown(let reason): unknown = CELUnknown.merged(unknown, reason)
            }
        }
        if count <= 1, let unknown {
            return .unknown(unknown)
        }
        return .bool(count == 1)
    }

    /// `filter`, and `map` with or without a predicate.
    private mutating func transform(_ walk: Walk, _ macro: CELMacro) throws(CELEvaluationError) -> CELValue {
        var values: [CELValue] = []
        var flags: [Bool] = []
        var unknown = walk.unknown
        var isPartial = false
        for (index, element) in walk.values.enumerated() {
            var isDefinite = walk.isDefinite(index)
            switch try self.verdict(of: macro, for: index, in: walk) {
            case .yes: break
            case .no: continue
            case .unknown(let reason):
                isDefinite = false
                unknown = CELUnknown.merged(unknown, reason)
            }
            if !isDefinite, !isPartial {
                isPartial = true
                flags = Array(repeating: true, count: values.count)
            }
            if let body = macro.body {
                self.enter(index, of: walk, macro)
                values.append(try self.evaluate(body))
            } else {
                values.append(element)
            }
            if isPartial {
                flags.append(isDefinite)
            }
        }
        guard isPartial, let unknown else {
            return .list(values)
        }
        let elements = zip(values, flags).map { CELPartialList.Element($0, isDefinite: $1) }
        return .partialList(CELPartialList(elements, unknown: unknown))
    }

    private mutating func sort(_ walk: Walk, _ macro: CELMacro) throws(CELEvaluationError) -> CELValue {
        guard let body = macro.body else {
            preconditionFailure("the parser gives sortBy a key")
        }
        var keys: [CELValue] = []
        for element in walk.values {
            self.slots[macro.slot] = element
            keys.append(try self.evaluate(body))
        }
        try self.cost.spend(keys.count)
        if let unknown = CELStandardFunction.unknownElement(of: keys) {
            return .unknown(CELUnknown.merged(walk.unknown, unknown))
        }
        guard let order = CELSorting.sorted(Array(walk.values.indices), keys: keys) else {
            let types = Set(keys.map(\.typeName)).sorted().joined(separator: " and ")
            throw Self.noOverload("'sortBy' cannot compare keys of type \(types)", at: body.range)
        }
        guard let unknown = walk.unknown else {
            return .list(order.map { walk.values[$0] })
        }
        let elements = order.map { CELPartialList.Element(walk.values[$0], isDefinite: walk.isDefinite($0)) }
        return .partialList(CELPartialList(elements, unknown: unknown))
    }
}
