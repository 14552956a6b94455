// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// How two values compare.
enum CELOrder: Hashable, Sendable {
    case ascending
    case same
    case descending

    var reversed: CELOrder {
        switch self {
        case .ascending: .descending
        case .same: .same
        case .descending: .ascending
        }
    }

    static func of<Value: Comparable>(_ left: Value, _ right: Value) -> CELOrder {
        left < right ? .ascending : left == right ? .same : .descending
    }

    /// By code points, which is by UTF-8 bytes; Swift's `<` would normalize first.
    static func of(_ left: String, _ right: String) -> CELOrder {
        var leftBytes = left.utf8.makeIterator()
        var rightBytes = right.utf8.makeIterator()
        while true {
            switch (leftBytes.next(), rightBytes.next()) {
            case (nil, nil): return .same
            case (nil, _): return .ascending
            case (_, nil): return .descending
            case (let leftByte?, let rightByte?):
                if leftByte != rightByte {
                    return leftByte < rightByte ? .ascending : .descending
                }
            }
        }
    }

    static func of(_ left: [UInt8], _ right: [UInt8]) -> CELOrder {
        for (leftByte, rightByte) in zip(left, right) where leftByte != rightByte {
            return leftByte < rightByte ? .ascending : .descending
        }
        return .of(left.count, right.count)
    }

    /// The order of two values of one kind, or of two numbers; `nil` if there is none (also for NaN).
    static func of(_ left: CELValue, _ right: CELValue) -> CELOrder? {
        switch (left, right) {
        case (.int(let left), .int(let right)): .of(left, right)
        case (.uint(let left), .uint(let right)): .of(left, right)
        case (.double(let left), .double(let right)): left.isNaN || right.isNaN ? nil : .of(left, right)
        case (.int(let left), .uint(let right)): left < 0 ? .ascending : .of(UInt64(left), right)
        case (.uint(let left), .int(let right)): right < 0 ? .descending : .of(left, UInt64(right))
        case (.int(let left), .double(let right)): .of(left, right)
        case (.double(let left), .int(let right)): Self.of(right, left)?.reversed
        case (.uint(let left), .double(let right)): .of(left, right)
        case (.double(let left), .uint(let right)): Self.of(right, left)?.reversed
        case (.string(let left), .string(let right)): .of(left, right)
        case (.bytes(let left), .bytes(let right)): .of(left, right)
        case (.bool(let left), .bool(let right)): .of(left ? 1 : 0, right ? 1 : 0)
        case (.timestamp(let left), .timestamp(let right)): .of(left, right)
        case (.duration(let left), .duration(let right)): .of(left, right)
        default: nil
        }
    }

    /// Exact: a 64-bit integer does not fit into a double, so the double is split instead.
    private static func of<Integer: FixedWidthInteger>(_ left: Integer, _ right: Double) -> CELOrder? {
        guard !right.isNaN else {
            return nil
        }
        // Both bounds of both integer types are exact as doubles, except the highest, which rounds up to a power of two.
        if right >= Double(Integer.max) {
            return .ascending
        }
        if right < Double(Integer.min) {
            return .descending
        }
        let whole = Integer(right)
        if left != whole {
            return left < whole ? .ascending : .descending
        }
        return .of(Double(whole), right)
    }
}

/// Three-valued truth.
enum CELTruth: Hashable, Sendable {
    case yes
    case no
    case unknown(CELUnknown)

    init(_ value: Bool) {
        self = value ? .yes : .no
    }

    var value: CELValue {
        switch self {
        case .yes: .bool(true)
        case .no: .bool(false)
        case .unknown(let unknown): .unknown(unknown)
        }
    }

    var negated: CELTruth {
        switch self {
        case .yes: .no
        case .no: .yes
        case .unknown: self
        }
    }

    func and(_ other: CELTruth) -> CELTruth {
        switch (self, other) {
        case (.no, _), (_, .no): .no
        case (.unknown(let left), .unknown(let right)): .unknown(left.merged(with: right))
        case (.unknown, .yes): self
        case (.yes, _): other
        }
    }
}

extension CELValue {
    /// What an expression calls equal: `true`, `false` or unknown.
    ///
    /// Numbers compare by value across types, NaN equals nothing, values of different kinds are unequal.
    package func equals(_ other: CELValue) -> CELValue {
        self.truthOfEquality(with: other).value
    }

    func truthOfEquality(with other: CELValue) -> CELTruth {
        switch (self, other) {
        case (.string(let left), .string(let right)):
            // Swift's equality is coarser than that of code points, but fast at saying no.
            return CELTruth(left == right && left.utf8.elementsEqual(right.utf8))
        case (.unknown(let left), _):
            return .unknown(CELUnknown.merged(other.uncertainty, left))
        case (_, .unknown(let right)):
            return .unknown(CELUnknown.merged(self.uncertainty, right))
        case (.interval(let left), _):
            return left.truthOfEquality(with: other)
        case (_, .interval(let right)):
            return right.truthOfEquality(with: self)
        case (.partialList(let left), _):
            return left.truthOfEquality(with: other)
        case (_, .partialList(let right)):
            return right.truthOfEquality(with: self)
        case (.null, .null):
            return .yes
        case (.type(let left), .type(let right)):
            return CELTruth(left == right)
        case (.optional(let left), .optional(let right)):
            guard let left, let right else {
                return CELTruth(left == nil && right == nil)
            }
            return left.truthOfEquality(with: right)
        case (.list(let left), .list(let right)):
            guard left.count == right.count else {
                return .no
            }
            return Self.allEqual(zip(left, right))
        case (.map(let left), .map(let right)):
            return left.truthOfEquality(with: right)
        case (.record(let left), .record(let right)):
            return left.truthOfEquality(with: right)
        default:
            return CELTruth(CELOrder.of(self, other) == .same)
        }
    }

    fileprivate static func allEqual(_ pairs: some Sequence<(CELValue, CELValue)>) -> CELTruth {
        var result = CELTruth.yes
        for (left, right) in pairs {
            result = result.and(left.truthOfEquality(with: right))
            if result == .no {
                return .no
            }
        }
        return result
    }

    /// Whether `list` contains this value.
    func truthOfMembership(in list: [CELValue]) -> CELTruth {
        var unknown: CELUnknown?
        for element in list {
            switch self.truthOfEquality(with: element) {
            case .yes: return .yes
            case .no: continue
            case .unknown(let reason): unknown = CELUnknown.merged(unknown, reason)
            }
        }
        return unknown.map { .unknown($0) } ?? .no
    }
}

extension CELMap {
    fileprivate func truthOfEquality(with other: CELMap) -> CELTruth {
        guard self.entries.count == other.entries.count else {
            return .no
        }
        var pairs: [(CELValue, CELValue)] = []
        for (left, right) in zip(self.entries, other.entries) {
            guard CELOrder.of(left.key, right.key) == .same else {
                return .no
            }
            pairs.append((left.value, right.value))
        }
        return CELValue.allEqual(pairs)
    }
}

extension CELRecord {
    fileprivate func truthOfEquality(with other: CELRecord) -> CELTruth {
        guard self.typeName == other.typeName else {
            return .no
        }
        if let mine = self.identity, let theirs = other.identity {
            return CELTruth(mine == theirs)
        }
        guard self.fields.map(\.name) == other.fields.map(\.name) else {
            return .no
        }
        return CELValue.allEqual(zip(self.fields.map(\.value), other.fields.map(\.value)))
    }
}

extension CELInterval {
    /// Never `yes`: there are at least two possible numbers.
    fileprivate func truthOfEquality(with other: CELValue) -> CELTruth {
        let reasons = CELUnknown.merged(other.uncertainty, self.unknown)
        switch other {
        case .interval(let other):
            return self.highest < other.lowest || other.highest < self.lowest ? .no : .unknown(reasons)
        case .int, .uint, .double:
            guard let low = CELOrder.of(.int(self.lowest), other), let high = CELOrder.of(.int(self.highest), other)
            else {
                return .no
            }
            return low == .descending || high == .ascending ? .no : .unknown(reasons)
        default:
            return .no
        }
    }
}

extension CELPartialList {
    /// `no` if the lengths cannot agree, else unknown.
    fileprivate func truthOfEquality(with other: CELValue) -> CELTruth {
        let counts: ClosedRange<Int>
        switch other {
        case .list(let list): counts = list.count...list.count
        case .partialList(let list): counts = list.definiteCount...list.elements.count
        default: return .no
        }
        guard counts.overlaps(self.definiteCount...self.elements.count) else {
            return .no
        }
        return .unknown(CELUnknown.merged(other.uncertainty, self.unknown))
    }

    var definiteCount: Int {
        self.elements.count(where: \.isDefinite)
    }
}
