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
    private static let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")

    /// Unguessable: a command's own output must not be able to pass for the wrapper's.
    static func fresh() -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<32).map { _ in self.letters[Int.random(in: 0..<self.letters.count, using: &generator)] })
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
    var text: String {
        let head = String(decoding: self.head, as: UTF8.self)
        return self.tail.isEmpty ? head : head + CommandReport.gap + String(decoding: self.tail, as: UTF8.self)
    }
}
