// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELStandardFunction {
    private static let element = CELType.parameter("T")
    private static let anyList = CELType.list(.parameter("T"))

    static let lists: [CELStandardFunction] = [
        CELStandardFunction(
            [CELType.string, .bytes, anyList, .map(.parameter("K"), .parameter("V"))].flatMap {
                [.function("size", [$0], .int), .method("size", [$0], .int)]
            },
            takesUncertain: true
        ) { arguments, cost throws(CELEvaluationError) in try Self.size(arguments, &cost) },
        CELStandardFunction([.method("first", [anyList], element)], takesUncertain: true) {
            arguments,
            _ throws(CELEvaluationError) in
            try Self.end(arguments, "first") { $0.first }
        },
        CELStandardFunction([.method("last", [anyList], element)], takesUncertain: true) {
            arguments,
            _ throws(CELEvaluationError) in
            try Self.end(arguments, "last") { $0.last }
        },
        CELStandardFunction(
            [.method("reverse", [anyList], anyList), .method("reverse", [.string], .string)],
            takesUncertain: true
        ) {
            arguments,
            cost throws(CELEvaluationError) in
            if case .string(let text) = arguments[0] {
                try cost.spend(bytes: text.utf8.count)
                var view = String.UnicodeScalarView()
                view.append(contentsOf: text.unicodeScalars.reversed())
                return .string(String(view))
            }
            return try Self.rearranged(arguments, &cost) { $0.reversed() }
        },
        CELStandardFunction([.method("sort", [.list(.parameter("O"))], .list(.parameter("O")))], takesUncertain: true) {
            arguments,
            cost throws(CELEvaluationError) in
            try Self.sort(arguments, &cost)
        },
        CELStandardFunction([.method("distinct", [anyList], anyList)]) { arguments, cost throws(CELEvaluationError) in
            try Self.distinct(arguments, &cost)
        },
        CELStandardFunction([.method("slice", [anyList, .int, .int], anyList)]) {
            arguments,
            cost throws(CELEvaluationError) in
            try Self.slice(arguments, &cost)
        },
        CELStandardFunction([
            .method("flatten", [.list(anyList)], anyList),
            .method("flatten", [.list(.dyn), .int], .list(.dyn)),
        ]) { arguments, cost throws(CELEvaluationError) in try Self.flatten(arguments, &cost) },
        CELStandardFunction([.function("lists.range", [.int], .list(.int))]) {
            arguments,
            cost throws(CELEvaluationError) in
            guard arguments.count == 1, case .int(let count) = arguments[0] else {
                return nil
            }
            try cost.spend(Int(clamping: max(0, count)))
            return .list((0..<max(0, count)).map { .int($0) })
        },
        extreme("min", .ascending),
        extreme("max", .descending),
        CELStandardFunction([
            .method("sum", [.list(.int)], .int), .method("sum", [.list(.uint)], .uint),
            .method("sum", [.list(.double)], .double), .method("sum", [.list(.duration)], .duration),
        ]) { arguments, cost throws(CELEvaluationError) in
            guard case .list(let elements) = arguments[0] else {
                return nil
            }
            try cost.spend(elements.count)
            if let unknown = Self.unknownElement(of: elements) {
                return .unknown(unknown)
            }
            var sum: CELValue?
            for element in elements {
                guard element.isNumber || element.isDuration else {
                    return nil
                }
                sum =
                    try sum.map { value throws(CELEvaluationError) in
                        try CELArithmetic.apply(.add, value, element)
                    } ?? element
            }
            return sum ?? .int(0)
        },
    ]

    /// The reasons of every element that is not known; functions that look at all elements cannot answer then.
    static func unknownElement(of elements: [CELValue]) -> CELUnknown? {
        var result: CELUnknown?
        for element in elements {
            if let unknown = element.uncertainty {
                result = CELUnknown.merged(result, unknown)
            }
        }
        return result
    }

    private static func size(_ arguments: [CELValue], _ cost: inout CELCost) throws(CELEvaluationError) -> CELValue? {
        switch arguments[0] {
        case .string(let text):
            try cost.spend(bytes: text.utf8.count)
            return .int(Int64(text.unicodeScalars.count))
        case .bytes(let bytes): return .int(Int64(bytes.count))
        case .list(let elements): return .int(Int64(elements.count))
        case .map(let map): return .int(Int64(map.entries.count))
        case .partialList(let list):
            return .integer(
                between: Int64(list.definiteCount),
                and: Int64(list.elements.count),
                unknown: list.unknown
            )
        case .unknown: return arguments[0]
        default: return nil
        }
    }

    private static func end(
        _ arguments: [CELValue],
        _ name: String,
        _ pick: ([CELPartialList.Element]) -> CELPartialList.Element?
    ) throws(CELEvaluationError) -> CELValue? {
        switch arguments[0] {
        case .unknown: return arguments[0]
        case .list(let elements):
            guard let value = name == "first" ? elements.first : elements.last else {
                throw CELEvaluationError(.indexOutOfRange, "an empty list has no \(name) element")
            }
            return value
        case .partialList(let list):
            return pick(list.elements).flatMap { $0.isDefinite ? $0.value : nil } ?? .unknown(list.unknown)
        default: return nil
        }
    }

    private static func rearranged(
        _ arguments: [CELValue],
        _ cost: inout CELCost,
        _ rearrange: ([CELPartialList.Element]) -> [CELPartialList.Element]?
    ) throws(CELEvaluationError) -> CELValue? {
        switch arguments[0] {
        case .unknown: return arguments[0]
        case .list(let elements):
            try cost.spend(elements.count)
            let marked = elements.map { CELPartialList.Element($0, isDefinite: true) }
            return rearrange(marked).map { .list($0.map(\.value)) }
        case .partialList(let list):
            try cost.spend(list.elements.count)
            return rearrange(list.elements).map { .partialList(CELPartialList($0, unknown: list.unknown)) }
        default: return nil
        }
    }

    private static func sort(_ arguments: [CELValue], _ cost: inout CELCost) throws(CELEvaluationError) -> CELValue? {
        if case .list(let elements) = arguments[0], let unknown = self.unknownElement(of: elements) {
            return .unknown(unknown)
        }
        if case .partialList(let list) = arguments[0], let unknown = self.unknownElement(of: list.elements.map(\.value))
        {
            return .unknown(unknown)
        }
        return try self.rearranged(arguments, &cost) { CELSorting.sorted($0, keys: $0.map(\.value)) }
    }

    /// `min` and `max`, of anything that can be ordered.
    private static func extreme(_ name: String, _ wanted: CELOrder) -> CELStandardFunction {
        CELStandardFunction([.method(name, [.list(.parameter("O"))], .parameter("O"))]) {
            arguments,
            cost throws(CELEvaluationError) in
            guard case .list(let elements) = arguments[0] else {
                return nil
            }
            guard !elements.isEmpty else {
                throw CELEvaluationError(
                    .invalidArgument,
                    "'\(name)' of an empty list",
                    help: "ask for its size first: size(x) > 0 ? x.\(name)() : …"
                )
            }
            try cost.spend(elements.count)
            if let unknown = Self.unknownElement(of: elements) {
                return .unknown(unknown)
            }
            return Self.extreme(of: elements, wanted)
        }
    }

    private static func distinct(_ arguments: [CELValue], _ cost: inout CELCost) throws(CELEvaluationError) -> CELValue?
    {
        guard case .list(let elements) = arguments[0] else {
            return nil
        }
        var kept: [CELValue] = []
        for element in elements {
            try cost.spend(kept.count + 1)
            switch element.truthOfMembership(in: kept) {
            case .yes: continue
            case .no: kept.append(element)
            case .unknown(let unknown): return .unknown(unknown)
            }
        }
        return .list(kept)
    }

    private static func slice(_ arguments: [CELValue], _ cost: inout CELCost) throws(CELEvaluationError) -> CELValue? {
        guard arguments.count == 3, case .list(let elements) = arguments[0], case .int(let start) = arguments[1],
            case .int(let end) = arguments[2]
        else {
            return nil
        }
        guard start >= 0, start <= end, end <= Int64(elements.count) else {
            throw CELEvaluationError(
                .indexOutOfRange,
                "the slice \(start) to \(end) is outside of a list with \(elements.count) elements"
            )
        }
        try cost.spend(Int(end - start))
        return .list(Array(elements[Int(start)..<Int(end)]))
    }

    private static func flatten(_ arguments: [CELValue], _ cost: inout CELCost) throws(CELEvaluationError) -> CELValue?
    {
        guard case .list(let elements) = arguments[0] else {
            return nil
        }
        var depth: Int64 = 1
        if arguments.count == 2 {
            guard case .int(let given) = arguments[1] else {
                return nil
            }
            guard given >= 0 else {
                throw CELEvaluationError(.invalidArgument, "the depth '\(given)' is negative")
            }
            depth = given
        }
        var result = elements
        while depth > 0, result.contains(where: \.isList) {
            depth -= 1
            var next: [CELValue] = []
            for element in result {
                if case .list(let inner) = element {
                    try cost.spend(inner.count + 1)
                    next += inner
                } else {
                    try cost.spend(1)
                    next.append(element)
                }
            }
            result = next
        }
        return .list(result)
    }
}

extension CELValue {
    fileprivate var isList: Bool {
        if case .list = self {
            return true
        }
        return false
    }

    fileprivate var isDuration: Bool {
        if case .duration = self {
            return true
        }
        return false
    }
}

/// A stable sort by keys that are all of one kind.
enum CELSorting {
    /// `nil` if two keys cannot be compared.
    static func sorted<Element>(
        _ elements: [Element],
        keys: [CELValue]
    ) -> [Element]? {
        guard let first = keys.first else {
            return elements
        }
        // The order is total within one kind, and numbers are one kind, so comparing each with the first is enough.
        guard keys.allSatisfy({ CELOrder.of(first, $0) != nil }) else {
            return nil
        }
        let order = elements.indices.sorted { left, right in
            switch CELOrder.of(keys[left], keys[right]) {
            case .ascending: true
            case .descending: false
            case .same, nil: left < right
            }
        }
        return order.map { elements[$0] }
    }
}
