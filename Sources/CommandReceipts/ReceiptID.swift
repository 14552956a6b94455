// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The name of one receipt on a target: one effect, one attempt, one host.
///
/// It is the name of a folder there, hence the narrow alphabet. It must never be used for a second command: the receipt
/// of the first would answer for it.
package struct ReceiptID: Hashable, Sendable, CustomStringConvertible {
    package static let longest = 120

    package let text: String

    package init(_ text: String) throws(ReceiptError) {
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        // The store keeps its own files under names with a leading dot.
        guard allowed, 1...Self.longest ~= text.utf8.count, !text.hasPrefix("."), !text.hasPrefix("-") else {
            throw ReceiptError(
                code: .malformedName,
                message: """
                    '\(text)' cannot name a receipt; use 1 to \(Self.longest) of A-Z a-z 0-9 . _ - and begin with a \
                    letter or digit
                    """
            )
        }
        self.text = text
    }

    package var description: String {
        self.text
    }
}

/// What tells one store of receipts from another that took its place.
///
/// A folder that was deleted and made anew has another incarnation, and so "there is no receipt" no longer means
/// "it never ran". Whoever starts a command remembers the incarnation first and asks with it.
package struct StoreIncarnation: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) throws(ReceiptError) {
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
            default: false
            }
        }
        guard allowed, 1...64 ~= text.utf8.count else {
            throw ReceiptError(code: .malformedName, message: "'\(text)' is not a store's incarnation")
        }
        self.text = text
    }

    package var description: String {
        self.text
    }
}

/// A moment on a host's own clock, which counts from its boot and includes time asleep.
///
/// Two moments can be compared only within one boot.
package struct HostMoment: Hashable, Sendable {
    package var boot: String
    package var sinceBoot: Duration

    package init(boot: String, sinceBoot: Duration) {
        self.boot = boot
        self.sinceBoot = sinceBoot
    }

    /// The moment `duration` later on the same boot.
    package func advanced(by duration: Duration) -> HostMoment {
        HostMoment(boot: self.boot, sinceBoot: self.sinceBoot + duration)
    }
}

extension Duration {
    /// Whole hundredths of a second, the unit of `/proc/uptime`, rounded down; never negative.
    var centiseconds: Int64 {
        let (seconds, attoseconds) = self.components
        guard seconds >= 0, attoseconds >= 0 else {
            return 0
        }
        return min(seconds, Int64.max / 200) * 100 + attoseconds / 10_000_000_000_000_000
    }

    static func centiseconds(_ count: Int64) -> Duration {
        Duration(
            secondsComponent: count / 100,
            attosecondsComponent: count % 100 * 10_000_000_000_000_000
        )
    }
}
