// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Synchronization

/// What people and programs see of us: data goes to standard output, talk to standard error.
enum Terminal {
    static var isInteractive: Bool {
        isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1
    }

    /// Colour only on a terminal, never against `NO_COLOR`, never as the only carrier of a meaning.
    static func usesColour(on descriptor: Int32) -> Bool {
        isatty(descriptor) == 1 && getenv("NO_COLOR") == nil && getenv("TERM").map { String(cString: $0) } != "dumb"
    }

    /// How many columns there are; a pipe has as many as a wide terminal.
    static func width(of descriptor: Int32) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return 120
        }
        return max(40, Int(size.ws_col))
    }

    /// Where messages are broken; nothing for what is no terminal.
    static func breakingWidth(of descriptor: Int32) -> Int? {
        isatty(descriptor) == 1 ? self.width(of: descriptor) : nil
    }

    /// Data that someone may pipe.
    static func output(_ text: String) {
        self.write(text + "\n", to: STDOUT_FILENO)
    }

    /// Talk to the person at the terminal; a question that stands there is written again below.
    static func say(_ text: String) {
        let question = self.question.withLock { $0 }
        let cleared = question.isEmpty ? "" : "\r\u{1B}[K"
        self.write(cleared + text + "\n" + question, to: STDERR_FILENO)
    }

    private static let question = Mutex("")

    /// Asks the person at the terminal; the answer is read elsewhere.
    static func prompt(_ text: String) {
        self.question.withLock { $0 = text }
        self.write(text, to: STDERR_FILENO)
    }

    static func endPrompt() {
        let question = self.question.withLock { question in
            defer { question = "" }
            return question
        }
        if !question.isEmpty {
            self.write("\r\u{1B}[K", to: STDERR_FILENO)
        }
    }

    /// What somebody else wrote must not be able to move the cursor, recolour the terminal or begin a line of its own.
    static func printable(_ line: some StringProtocol) -> String {
        String(
            String.UnicodeScalarView(
                line.unicodeScalars.map { scalar in
                    let isControl = scalar.properties.generalCategory == .control && scalar != "\t"
                    return isControl ? "\u{FFFD}" : scalar
                }
            )
        )
    }

    static func write(_ text: String, to descriptor: Int32) {
        self.write(Array(text.utf8), to: descriptor)
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var bytes = bytes[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 else {
                // A reader that went away (`| head`) is no mistake of ours.
                if count < 0, errno == EINTR { continue }
                return
            }
            bytes = bytes.dropFirst(count)
        }
    }
}

/// Exit status: fine, the answer is no, asked wrongly, we failed.
extension ExitCode {
    static let answerIsNo = ExitCode(1)
    static let askedWrongly = ExitCode(2)
    static let weFailed = ExitCode(3)
}

enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case text
    case json
}
