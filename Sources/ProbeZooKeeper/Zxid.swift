// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// ZooKeeper's transaction number: the epoch of the leader that issued it, and a counter within that epoch.
///
/// Not a count: two histories can use the same numbers for different transactions, so equal zxids do not prove equal data.
package struct Zxid: Hashable, Comparable, Sendable {
    /// The 64 bits as ZooKeeper's signed number; negative means that a member knows of no transaction.
    package var rawValue: Int64

    package init(_ rawValue: Int64) {
        self.rawValue = rawValue
    }

    package init(epoch: Int64, counter: Int64) {
        self.rawValue = epoch << 32 | counter & 0xFFFF_FFFF
    }

    /// Reads the hexadecimal form, with or without `0x`.
    package init?(hexadecimal text: some StringProtocol) {
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
        // The initializer would also accept a sign.
        guard let first = digits.first, first != "-", first != "+", let value = UInt64(digits, radix: 16) else {
            return nil
        }
        self.rawValue = Int64(bitPattern: value)
    }

    package var epoch: Int64 { self.rawValue >> 32 }
    package var counter: Int64 { self.rawValue & 0xFFFF_FFFF }

    package static func < (left: Self, right: Self) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension Zxid: CustomStringConvertible {
    package var description: String {
        "0x" + String(UInt64(bitPattern: self.rawValue), radix: 16)
    }
}
