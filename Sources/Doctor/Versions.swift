// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A version as upstream projects number theirs: whole numbers with dots between.
package struct UpstreamVersion: Hashable, Sendable, Comparable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let numbers: [Int]

    /// The version that a text begins with: of `0.10.6/openssl/zlib` it is 0.10.6.
    package init?(of text: String) {
        let head = text.prefix { $0 == "." || ("0"..."9").contains($0) }
        let numbers = head.split(separator: ".").map { Int($0) }
        guard !numbers.isEmpty, numbers.count <= 5, !numbers.contains(nil) else {
            return nil
        }
        self.numbers = numbers.compactMap { $0 }
    }

    package init(stringLiteral text: String) {
        self.numbers = text.split(separator: ".").map { Int($0) ?? 0 }
    }

    package var description: String {
        self.numbers.map(String.init).joined(separator: ".")
    }

    /// `3.0` of 3.0.19: what fixes are made for without changing anything else.
    var branch: [Int] { Array(self.numbers.prefix(2)) }

    package static func < (left: Self, right: Self) -> Bool {
        left.numbers.lexicographicallyPrecedes(right.numbers)
    }
}

/// A version of a Debian package, in the order that `dpkg` puts them.
///
/// Numbers count as numbers, letters come before other signs, and `~` before everything, even the end: `1.0~rc1` is older than `1.0`.
package struct DebianVersion: Hashable, Sendable, Comparable, CustomStringConvertible, ExpressibleByStringLiteral {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package init(stringLiteral text: String) {
        self.text = text
    }

    package var description: String { self.text }

    package static func < (left: Self, right: Self) -> Bool {
        let (one, other) = (left.parts, right.parts)
        if one.epoch != other.epoch {
            return one.epoch < other.epoch
        }
        let order = self.compare(one.upstream, other.upstream)
        return order == 0 ? self.compare(one.revision, other.revision) < 0 : order < 0
    }

    private var parts: (epoch: Int, upstream: [UInt8], revision: [UInt8]) {
        var rest = Array(self.text.utf8)[...]
        var epoch = 0
        if let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
            epoch = Int(String(decoding: rest[..<colon], as: UTF8.self)) ?? 0
            rest = rest[(colon + 1)...]
        }
        guard let dash = rest.lastIndex(of: UInt8(ascii: "-")) else {
            return (epoch, Array(rest), [])
        }
        return (epoch, Array(rest[..<dash]), Array(rest[(dash + 1)...]))
    }

    /// Negative, zero or positive, as the first is older, the same or newer.
    private static func compare(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var (left, right) = (left[...], right[...])
        while !left.isEmpty || !right.isEmpty {
            while left.first.map({ !self.isDigit($0) }) ?? false || right.first.map({ !self.isDigit($0) }) ?? false {
                let (one, other) = (self.weight(left.first), self.weight(right.first))
                if one != other {
                    return one - other
                }
                left = left.dropFirst()
                right = right.dropFirst()
            }
            let (one, other) = (self.takeNumber(&left), self.takeNumber(&right))
            if one.count != other.count {
                return one.count - other.count
            }
            if one != other {
                return one.lexicographicallyPrecedes(other) ? -1 : 1
            }
        }
        return 0
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// Where a number begins, and at the end, nothing weighs.
    private static func weight(_ byte: UInt8?) -> Int {
        guard let byte, !self.isDigit(byte) else {
            return 0
        }
        if byte == UInt8(ascii: "~") {
            return -1
        }
        let isLetter =
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        return isLetter ? Int(byte) : Int(byte) + 256
    }

    /// Without leading zeros, so that longer is larger.
    private static func takeNumber(_ bytes: inout ArraySlice<UInt8>) -> [UInt8] {
        let digits = bytes.prefix { self.isDigit($0) }
        bytes = bytes.dropFirst(digits.count)
        return Array(digits.drop { $0 == UInt8(ascii: "0") })
    }
}
