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
        var timeline = Timeline()
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

    func happened(_ event: RunEvent, in run: RunID) {
        self.print { $0.lines(for: event) }
    }

    func decided(_ effect: RunEffect, at moment: Instant, in run: RunID) {
        self.print { $0.lines(for: effect, at: moment) }
    }

    func printed(_ output: CommandOutput, in run: RunID) {
        guard !self.isQuiet else {
            return
        }
        let stream = "\(output.effect) \(output.isError)"
        let lines = self.state.withLock { state -> [Substring] in
            let text = (state.unfinished[stream] ?? "") + output.text
            var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let rest = String(lines.popLast() ?? "")
            state.unfinished[stream] = rest.isEmpty ? nil : String(rest.suffix(Self.longestLine))
            return lines
        }
        for line in lines {
            Terminal.say("               │ \(Terminal.printable(line.prefix(Self.longestLine)))")
        }
    }

    private func print(_ lines: (inout Timeline) -> [Timeline.Line]) {
        let texts = self.state.withLock { state in
            lines(&state.timeline).map { line in
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
