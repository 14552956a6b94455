// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Writes words so that a POSIX shell reads back exactly the same bytes.
///
/// Inside single quotes a POSIX shell gives no byte a meaning but the quote itself, so that is the only
/// form used. A byte of value zero cannot be part of any program's argument; whoever sends the command
/// refuses it, because no quoting can carry it.
package enum ShellWords {
    /// The word as one shell word: bare if that is certain to be harmless, single-quoted otherwise.
    package static func quote(_ word: String) -> String {
        String(decoding: self.quote(Array(word.utf8)), as: UTF8.self)
    }

    /// Like ``quote(_:)-(String)``, for bytes that need not be text.
    package static func quote(_ word: [UInt8]) -> [UInt8] {
        if self.isHarmless(word) {
            return word
        }
        var quoted: [UInt8] = [Self.singleQuote]
        quoted.reserveCapacity(word.count + 2)
        for byte in word {
            if byte == Self.singleQuote {
                // Close, an escaped quote, open again.
                quoted += [Self.singleQuote, UInt8(ascii: "\\"), Self.singleQuote, Self.singleQuote]
            } else {
                quoted.append(byte)
            }
        }
        quoted.append(Self.singleQuote)
        return quoted
    }

    /// A command line that runs `words` as program and arguments.
    package static func join(_ words: [String]) -> String {
        words.map { self.quote($0) }.joined(separator: " ")
    }

    private static let singleQuote = UInt8(ascii: "'")

    /// Words that a shell would take for its grammar although every letter is harmless.
    private static let reserved: Set<String> = [
        "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in", "namespace",
        "select", "then", "time", "until", "while",
    ]

    private static func isHarmless(_ word: [UInt8]) -> Bool {
        guard !word.isEmpty else { return false }
        // No `=` (an assignment), no `~` (a home folder), nothing that any shell expands.
        let isPlain = word.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: ":"),
                UInt8(ascii: ","), UInt8(ascii: "+"), UInt8(ascii: "@"), UInt8(ascii: "%"):
                true
            default:
                false
            }
        }
        // A bare `%` or `-` at the front is only safe as an argument; a job or an option is not ours to guess.
        return isPlain && word[0] != UInt8(ascii: "%") && !Self.reserved.contains(String(decoding: word, as: UTF8.self))
    }
}
