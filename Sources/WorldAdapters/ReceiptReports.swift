// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import RunCore
import Synchronization

/// The parser, for callbacks of the transport's thread.
final class ParserBox: Sendable {
    private let parser: Mutex<ReceiptAnswerParser>

    init(nonce: String, outputLimit: Int) {
        self.parser = Mutex(ReceiptAnswerParser(nonce: nonce, outputLimit: outputLimit))
    }

    func consume(_ bytes: [UInt8]) -> [ReceiptAnswerParser.Event] {
        self.parser.withLock { $0.consume(bytes) }
    }

    func finish(exitStatus: Int32?) -> ReceiptReport {
        self.parser.withLock { $0.finish(exitStatus: exitStatus) }
    }
}

enum Nonce {
    /// 32 of them, so that five bits choose one.
    private static let letters = Array("abcdefghijkmnpqrstuvwxyz23456789".utf8)
    private static let length = 32
    private static let lettersOfWord = 8

    /// 160 bits, unguessable: a command's own output must not be able to pass for the wrapper's.
    static func fresh() -> String {
        var generator = SystemRandomNumberGenerator()
        return String(unsafeUninitializedCapacity: Self.length) { text in
            for start in stride(from: 0, to: Self.length, by: Self.lettersOfWord) {
                // Each question goes to the kernel.
                var word = generator.next()
                for index in start..<(start + Self.lettersOfWord) {
                    text[index] = Self.letters[Int(word & 31)]
                    word >>= 5
                }
            }
            return Self.length
        }
    }
}

extension ReceiptReport {
    /// Whether the answer leaves open how the command ended, and asking again may tell.
    var isUndecided: Bool {
        switch self.answer {
        case .running, .doubt(.unreadable): true
        default: false
        }
    }
}

extension CommandReport {
    init(_ report: ReceiptReport) {
        let ending: Ending =
            switch report.answer {
            case .done(let ending):
                switch ending.cause {
                case .exited: .exited(status: Int(ending.status))
                case .timedOut: .timedOut
                case .stopped: .stopped
                }
            case .never: .notSent(reason: "it never began, and cannot any more")
            case .refused(let refusal): .notSent(reason: "\(refusal)")
            case .doubt(let doubt): .inDoubt(reason: "\(doubt)", mayStillRun: doubt.leavesItRunning)
            case .running: .inDoubt(reason: "it still runs")
            case .opened, .swept, .stored: .inDoubt(reason: "the host answered another question")
            }
        self.init(
            ending,
            standardOutput: report.standardOutput.text,
            standardError: report.standardError.text,
            isOutputCut: report.standardOutput.isTruncated || report.standardError.isTruncated
        )
    }
}

extension CommandReport {
    static func inDoubtAfterStop(_ reason: String) -> CommandReport {
        CommandReport(.inDoubt(reason: "it was told to stop, and nobody could confirm that it is gone: \(reason)"))
    }
}

extension CommandReport.Ending {
    var doubt: String? {
        if case .inDoubt(let reason, _) = self { reason } else { nil }
    }
}

extension ReceiptDoubt {
    /// Whether the command may still be running, or may yet begin.
    var leavesItRunning: Bool {
        switch self {
        // A restart ends everything; a lost end is one of which nothing lives.
        case .restarted, .endNotRecorded: false
        case .anotherStore, .receiptVanished, .notConfirmedGone, .damaged, .maybeSwept, .unreadable: true
        }
    }
}

extension ReceiptCommandRunner {
    /// How long hosts are waited for.
    package struct Patience: Sendable {
        /// How long past the command's own time the host may take to answer, connecting included.
        package var slack = Duration.seconds(20)
        /// How long a stop is tried: past it the command is in doubt, and says so.
        package var stop = Duration.seconds(60)

        package init() {}
    }
}

/// Pauses that grow, so that a host that is away is not asked without rest.
struct Backoff {
    private var next = Duration.milliseconds(250)
    private let longest: Duration

    init(longest: Duration) {
        self.longest = longest
    }

    /// - Returns: whether it was not cancelled.
    mutating func rest() async -> Bool {
        defer { self.next = min(self.next * 2, self.longest) }
        return (try? await Task.sleep(for: min(self.next, self.longest))) != nil
    }
}

extension ReceiptOutput {
    /// Where something was left out, the character that was cut goes with it.
    var text: String {
        guard self.isTruncated else {
            return String(decoding: self.head, as: UTF8.self)
        }
        let head = self.head.droppingCutCharacter
        let tail = self.tail.drop { $0 & 0b1100_0000 == 0b1000_0000 }
        return String(decoding: head, as: UTF8.self) + CommandReport.gap + String(decoding: tail, as: UTF8.self)
    }
}

extension [UInt8] {
    /// Without the beginning of a character at the end that has lost the rest of it.
    fileprivate var droppingCutCharacter: ArraySlice<UInt8> {
        guard let start = self.suffix(4).lastIndex(where: { $0 & 0b1100_0000 != 0b1000_0000 }) else {
            return self[...]
        }
        let length =
            switch self[start] {
            case 0b1100_0000...0b1101_1111: 2
            case 0b1110_0000...0b1110_1111: 3
            case 0b1111_0000...0b1111_0111: 4
            default: 1
            }
        return start + length > self.count ? self[..<start] : self[...]
    }
}
