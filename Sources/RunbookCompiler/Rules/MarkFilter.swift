// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Rules out, in one pass over a command, that any of many texts stands in it.
///
/// Rules look for some twenty texts in every command, and nearly no command has one of them.
struct MarkFilter: Sendable {
    /// For each hash of four bytes whether some text begins with such four.
    private let beginnings: [Bool]

    init(_ marks: [StaticString]) {
        var beginnings = Array(repeating: false, count: 1 << Self.hashBits)
        for mark in marks {
            mark.withUTF8Buffer { bytes in
                precondition(bytes.count >= 4, "a mark has four bytes at least")
                beginnings[Self.hash(bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) })] = true
            }
        }
        self.beginnings = beginnings
    }

    /// Everything that ``RuleRegion/Act/holds(_:)`` is asked for; the first four bytes of each stand in one word.
    static let rules = MarkFilter(CommandRules.marks + CareRules.marks + EvidenceRules.marks)

    private static let hashBits = 14

    private static func hash(_ bytes: UInt32) -> Int {
        Int((bytes &* 0x9E37_79B1) >> (32 - UInt32(self.hashBits)))
    }

    func mayHold(_ words: [ShellWord]) -> Bool {
        words.contains { word in
            var last: UInt32 = 0
            for byte in word.text.utf8 {
                last = last << 8 | UInt32(byte)
                if self.beginnings[Self.hash(last)] {
                    return true
                }
            }
            return false
        }
    }
}
