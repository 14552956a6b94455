// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Why a value is not known.
///
/// Reasons are sentences for an operator, such as `zk2 was not observed: timed out`. They are sorted
/// and bounded, so merging in any order gives the same result.
package struct CELUnknown: Hashable, Sendable {
    /// Sorted, without duplicates, at most ``CELLimits/unknownReasons``.
    package private(set) var reasons: [String]
    /// Whether reasons were left out because there were too many.
    package private(set) var isTruncated: Bool

    package init(_ reasons: [String], isTruncated: Bool = false) {
        var kept: [String] = []
        for reason in reasons.sorted() where kept.last != reason {
            kept.append(reason)
        }
        self.isTruncated = isTruncated || kept.count > CELLimits.unknownReasons
        self.reasons = Array(kept.prefix(CELLimits.unknownReasons))
    }

    package init(_ reason: String) {
        self.reasons = [reason]
        self.isTruncated = false
    }

    package func merged(with other: CELUnknown) -> CELUnknown {
        if self == other {
            return self
        }
        return CELUnknown(self.reasons + other.reasons, isTruncated: self.isTruncated || other.isTruncated)
    }

    static func merged(_ left: CELUnknown?, _ right: CELUnknown) -> CELUnknown {
        left?.merged(with: right) ?? right
    }
}

extension CELUnknown: CustomStringConvertible {
    /// The reasons in one line.
    package var description: String {
        self.reasons.joined(separator: "; ") + (self.isTruncated ? "; and more" : "")
    }
}

/// A list of which some elements may or may not be part.
///
/// `filter` makes one when its predicate is unknown for an element. Order is kept.
package struct CELPartialList: Hashable, Sendable {
    package struct Element: Hashable, Sendable {
        package let value: CELValue
        /// `false` for an element that is perhaps not in the list.
        package let isDefinite: Bool

        package init(_ value: CELValue, isDefinite: Bool) {
            self.value = value
            self.isDefinite = isDefinite
        }
    }

    package let elements: [Element]
    /// Why the doubtful elements are doubtful.
    package let unknown: CELUnknown

    package init(_ elements: [Element], unknown: CELUnknown) {
        self.elements = elements
        self.unknown = unknown
    }

    /// The elements that are certainly in the list.
    package var definite: [CELValue] {
        self.elements.filter(\.isDefinite).map(\.value)
    }

    /// The elements that are perhaps in the list.
    package var doubtful: [CELValue] {
        self.elements.filter { !$0.isDefinite }.map(\.value)
    }
}

/// An integer between two bounds, both possible.
///
/// `size` of a partial list is one. A comparison with it is known only if both ends agree.
package struct CELInterval: Hashable, Sendable {
    package let lowest: Int64
    package let highest: Int64
    package let unknown: CELUnknown

    package init(_ lowest: Int64, _ highest: Int64, unknown: CELUnknown) {
        precondition(lowest < highest, "CELValue.integer(between:and:unknown:) makes an int of a single number")
        self.lowest = lowest
        self.highest = highest
        self.unknown = unknown
    }
}

extension CELValue {
    /// An interval, or an `int` when only one number is left.
    package static func integer(between lowest: Int64, and highest: Int64, unknown: CELUnknown) -> CELValue {
        lowest == highest ? .int(lowest) : .interval(CELInterval(lowest, highest, unknown: unknown))
    }

    /// A partial list, or a list when no element is doubtful.
    package static func list(_ elements: [CELPartialList.Element], unknown: CELUnknown) -> CELValue {
        elements.allSatisfy(\.isDefinite)
            ? .list(elements.map(\.value)) : .partialList(CELPartialList(elements, unknown: unknown))
    }

    /// Why this value is not fully known, or `nil` if it is (its elements and fields may still be unknown).
    package var uncertainty: CELUnknown? {
        switch self {
        case .unknown(let unknown): unknown
        case .interval(let interval): interval.unknown
        case .partialList(let list): list.unknown
        default: nil
        }
    }
}
