// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunCore
import RunPorts
import RunVocabulary
import SelfhealDaemon
import Synchronization

/// Writes the daemon's log to standard output, one line for each entry, whole lines only.
final class ServiceLog: Sendable {
    private let format: Serve.LogFormat
    private let usesColour = Terminal.usesColour(on: STDOUT_FILENO)
    private let turn = Mutex(())

    init(format: Serve.LogFormat) {
        self.format = format
    }

    func write(_ entry: LogEntry) {
        let line =
            switch self.format {
            case .json: entry.json
            case .text: self.text(of: entry)
            }
        self.turn.withLock { _ in Terminal.output(line) }
    }

    private func text(of entry: LogEntry) -> String {
        let line = "\(CalendarText.utc(entry.at))  \(Terminal.printable(entry.message))"
        guard self.usesColour, entry.level != .info else {
            return line
        }
        return "\u{1B}[\(entry.level == .error ? 31 : 33)m\(line)\u{1B}[0m"
    }
}

/// Puts what happens in a run into the daemon's log.
final class ServiceObserver: RunObserver {
    private let run: RunID
    private let log: ServiceLog
    private let timeline: Mutex<Timeline>

    init(run: RunID, log: ServiceLog) {
        self.run = run
        self.log = log
        self.timeline = Mutex(Timeline(of: run))
    }

    func happened(_ event: RunEvent, in run: RunID) {
        self.write { $0.lines(for: event) }
    }

    func decided(_ effect: RunEffect, at moment: Instant, in run: RunID) {
        self.write { $0.lines(for: effect, at: moment) }
    }

    /// What commands print is in the journal ('selfheal show').
    func printed(_ output: CommandOutput, in run: RunID) {}

    private func write(_ lines: (inout Timeline) -> [Timeline.Line]) {
        for line in self.timeline.withLock({ lines(&$0) }) {
            self.log.write(
                LogEntry(
                    at: line.at,
                    level: line.weight == .alarm ? .warning : .info,
                    event: "run",
                    message: "\(self.run)  \(line.text)",
                    about: [JSONMember("run", .string(self.run.text))]
                )
            )
        }
    }
}
