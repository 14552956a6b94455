// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A word of a command, as the author wrote it, without its quotes.
struct ShellWord: Hashable, Sendable {
    var text: String
    /// UTF-8 byte offsets into the script; empty for a word of a `command:` list.
    var range: Range<Int>
}

/// Splits a script into its simple commands: enough to recognise what an expert would stop at, not a shell.
///
/// Quotes, comments, `;`, `&`, `|`, newlines and parentheses are understood; nothing is expanded.
struct ShellScanner {
    private let bytes: [UInt8]
    private var position = 0
    private var commands: [[ShellWord]] = []
    private var words: [ShellWord] = []

    static func commands(in script: String) -> [[ShellWord]] {
        var scanner = ShellScanner(bytes: Array(script.utf8))
        scanner.run()
        return scanner.commands
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private mutating func run() {
        while self.position < self.bytes.count {
            switch self.bytes[self.position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
                self.position += 1
            case UInt8(ascii: "\\") where self.next == UInt8(ascii: "\n"):
                self.position += 2
            case UInt8(ascii: "#"):
                while self.position < self.bytes.count, self.bytes[self.position] != UInt8(ascii: "\n") {
                    self.position += 1
                }
            case let byte where Self.separators.contains(byte):
                self.position += 1
                self.endCommand()
            default:
                self.readWord()
            }
        }
        self.endCommand()
    }

    private static let separators = Set("\n;&|()".utf8)
    private static let ends = separators.union(" \t\r".utf8)

    private var next: UInt8? {
        self.position + 1 < self.bytes.count ? self.bytes[self.position + 1] : nil
    }

    private mutating func endCommand() {
        if !self.words.isEmpty {
            self.commands.append(self.words)
            self.words = []
        }
    }

    private mutating func readWord() {
        let start = self.position
        var text: [UInt8] = []
        var quote: UInt8?
        while self.position < self.bytes.count {
            let byte = self.bytes[self.position]
            if let open = quote {
                if byte == open {
                    quote = nil
                } else {
                    text.append(byte)
                }
            } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
                quote = byte
            } else if byte == UInt8(ascii: "\\"), let next = self.next {
                text.append(next)
                self.position += 1
            } else if Self.ends.contains(byte) {
                break
            } else {
                text.append(byte)
            }
            self.position += 1
        }
        self.words.append(
            ShellWord(text: String(decoding: text, as: UTF8.self), range: start..<min(self.position, self.bytes.count))
        )
    }
}
