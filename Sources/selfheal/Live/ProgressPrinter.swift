// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunCore
import RunPorts
import RunVocabulary
import Synchronization

/// Shows a run while it happens, on standard error.
final class ProgressPrinter: RunObserver {
    private struct State {
        var timeline: Timeline?
        var startedAt: Instant?
        /// What came of a line that has not ended, by command and stream.
        var unfinished: [String: String] = [:]
    }

    /// What a terminal is shown of a line; a command may print megabytes without a newline.
    private static let longestLine = 4_096

    private let state = Mutex(State())
    private let isQuiet: Bool
    private let usesColour = Terminal.usesColour(on: STDERR_FILENO)

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
    }

    /// Counts the time of a run that is taken up again from its own beginning.
    func count(from start: Instant) {
        self.state.withLock { $0.startedAt = start }
    }

    func happened(_ event: RunEvent, in run: RunID) {
        self.print(run) { $0.lines(for: event) }
    }

    func decided(_ effect: RunEffect, at moment: Instant, in run: RunID) {
        self.print(run) { $0.lines(for: effect, at: moment) }
    }

    func printed(_ output: CommandOutput, in run: RunID) {
        guard !self.isQuiet else {
            return
        }
        let stream = "\(output.effect) \(output.isError)"
        let (lines, host) = self.state.withLock { state -> ([Substring], NodeName?) in
            let text = (state.unfinished[stream] ?? "") + output.text
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let rest = String(lines.popLast() ?? "")
            state.unfinished[stream] = rest.isEmpty ? nil : String(rest.suffix(Self.longestLine))
            return (lines, state.timeline?.target(of: output.effect))
        }
        // What stands before the bar is as wide as the times above it, unless a name is longer.
        let name = host?.text ?? ""
        let margin = String(repeating: " ", count: max(1, 14 - name.count)) + name
        for line in lines {
            Terminal.say("\(margin) │ \(Terminal.printable(line.prefix(Self.longestLine)))")
        }
    }

    private func print(_ run: RunID, _ lines: (inout Timeline) -> [Timeline.Line]) {
        let texts = self.state.withLock { state in
            var timeline = state.timeline ?? Timeline(of: run)
            state.timeline = nil
            let told = lines(&timeline)
            state.timeline = timeline
            return told.map { line in
                let start = state.startedAt ?? line.at
                state.startedAt = start
                return self.coloured(line.text(since: start), line.weight)
            }
        }
        guard !self.isQuiet else {
            return
        }
        for text in texts {
            Terminal.say(text)
        }
    }

    private func coloured(_ text: String, _ weight: Timeline.Weight) -> String {
        guard self.usesColour else {
            return text
        }
        switch weight {
        case .main: return text
        case .detail: return "\u{1B}[2m\(text)\u{1B}[0m"
        case .alarm: return "\u{1B}[33m\(text)\u{1B}[0m"
        }
    }
}
