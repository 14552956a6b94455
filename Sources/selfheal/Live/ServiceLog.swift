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
        // What a host says must not be able to move the cursor or begin a line of its own.
        let message = String(
            String.UnicodeScalarView(
                entry.message.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }
            )
        )
        let line = "\(Self.moment(entry.at))  \(message)"
        guard self.usesColour, entry.level != .info else {
            return line
        }
        return "\u{1B}[\(entry.level == .error ? 31 : 33)m\(line)\u{1B}[0m"
    }

    /// `2026-11-21 03:42:10Z`.
    private static func moment(_ instant: Instant) -> String {
        var seconds = time_t(instant.milliseconds / 1_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 32)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%SZ", &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Puts what happens in a run into the daemon's log.
final class ServiceObserver: RunObserver {
    private let run: RunID
    private let log: ServiceLog
    private let timeline = Mutex(Timeline())

    init(run: RunID, log: ServiceLog) {
        self.run = run
        self.log = log
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
