// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunCore
import RunPlan
import RunVocabulary

/// Says in one line each what happened in a run, for live progress and for `show`.
///
/// It is fed the events and effects of a run in their order, and remembers only what a line needs from before: when a step was entered, and what a
/// command was called.
struct Timeline {
    enum Weight {
        /// A step begins or ends, people are asked, the run ends.
        case main
        /// What happens inside a step.
        case detail
        /// Something a person should look at.
        case alarm
    }

    struct Line {
        var at: Instant
        var weight: Weight
        var text: String
    }

    /// How much of a command or a reason fits on a line, with what stands before it.
    private static let room = max(60, Terminal.width(of: STDERR_FILENO) - 40)

    private let run: RunID
    /// Whether what a command printed is shown below its end; live it has been seen by then.
    var showsOutput = false

    init(of run: RunID) {
        self.run = run
    }

    /// How many lines of each stream are shown, and how much of each line.
    private static let outputLines = 5
    private static let outputWidth = 200

    private var entered: [StepKey: Instant] = [:]
    private var verbs: [StepKey: String] = [:]
    private var acts: [EffectID: Act] = [:]
    private var begun: [EffectID: Instant] = [:]

    mutating func lines(for event: RunEvent) -> [Line] {
        let at = event.moment
        switch event {
        case .started: return [Line(at: at, weight: .main, text: "the run starts")]
        case .refused(let reason, _): return [Line(at: at, weight: .alarm, text: "the run does not begin: \(reason)")]
        case .resumed: return [Line(at: at, weight: .alarm, text: "an engine takes the run up again")]
        case .began(let effect, _):
            self.begun[effect] = at
            return [Line(at: at, weight: .detail, text: "\(self.name(of: effect)): begun")]
        case .ended(let effect, let report, _):
            let took = self.begun[effect].map { " after \(at.elapsed(since: $0).rounded)" } ?? ""
            let ending = self.acts[effect]?.text(of: report) ?? report.ending.text
            let line = Line(at: at, weight: .detail, text: "\(self.name(of: effect)): \(ending)\(took)")
            return [line] + (self.showsOutput ? Self.output(of: report, at: at) : [])
        case .cancelRequested(let person, let because, _):
            let why = because.isEmpty ? "" : ": \(because)"
            return [Line(at: at, weight: .alarm, text: "cancelled by \(person)\(why)")]
        case .settled(let step, let settlement, _):
            let what = settlement.happened ? "happened" : "did not happen"
            let text = "settled by \(settlement.by): \(step) \(what) (\(settlement.because))"
            return [Line(at: at, weight: .main, text: text)]
        case .triggerCleared(let what, _):
            return [Line(at: at, weight: .main, text: "what it was started for is over, and it goes on: \(what)")]
        case .told(let notice, let deliveries, _):
            return deliveries.map { delivery in
                let text = delivery.failure.map { "could not be told: \($0)" } ?? "told"
                let weight: Weight = delivery.failure == nil ? .detail : .alarm
                return Line(at: at, weight: weight, text: "\(delivery.channel): \(text) (\(notice))")
            }
        case .observed, .probed, .voted, .clockReached: return []
        }
    }

    mutating func lines(for effect: RunEffect, at: Instant) -> [Line] {
        switch effect {
        case .act(let act), .inquire(let act):
            self.acts[act.effect] = act
            guard case .inquire = effect else {
                return []
            }
            return [Line(at: at, weight: .detail, text: "\(self.name(of: act.effect)): what became of it?")]
        case .stop(let effect): return [Line(at: at, weight: .detail, text: "\(self.name(of: effect)): being stopped")]
        case .openGate(let gate):
            let who = gate.from.map(\.text).joined(separator: ", ")
            let left = gate.deadline.elapsed(since: at)
            let how = "'selfheal approve \(self.run) \(gate.step)' answers"
            let head = "\(gate.step): waits for \(gate.needed) of \(who), at most \(left); \(how)"
            return [Line(at: at, weight: .main, text: head)]
                + gate.message.split(separator: "\n").map { Line(at: at, weight: .main, text: "  \($0)") }
        case .tell(let notice):
            let channels = notice.channels.joined(separator: ", ")
            return [Line(at: at, weight: .main, text: "tells \(channels): \(notice.message)")]
        case .finish(let outcome, let reason):
            let why = reason.isEmpty ? "" : ": \(reason)"
            return [
                Line(
                    at: at,
                    weight: outcome == .succeeded ? .main : .alarm,
                    text: "the run ends \(outcome.rawValue)\(why)"
                )
            ]
        case .note(let note): return self.lines(for: note, at: at)
        case .observe, .probe, .closeGate: return []
        }
    }

    private mutating func lines(for note: RunNote, at: Instant) -> [Line] {
        switch note {
        case .entered(let step, let verb, let title):
            self.entered[step] = at
            self.verbs[step] = verb
            // These take no time: one line when they are over says it all.
            guard !["choose", "set", "finish"].contains(verb) else {
                return []
            }
            return [Line(at: at, weight: .main, text: "▶ \(step) (\(verb))\(title.map { ": \($0)" } ?? "")")]
        case .left(let step, let outcome, let reason):
            return [self.line(for: step, outcome, reason, at: at)]
        case .targetEnded(_, _, .succeeded, nil): return []
        case .targetEnded(let step, let target, let outcome, let reason):
            let why = reason.map { ": \($0)" } ?? ""
            return [
                Line(
                    at: at,
                    weight: .detail,
                    text: "\(step) on \(target?.text ?? "this machine"): \(outcome.rawValue)\(why)"
                )
            ]
        case .retrying(let step, let target, let attempt, let moment, let reason):
            let place = target.map { " on \($0)" } ?? ""
            let wait = moment.elapsed(since: at).rounded
            return [Line(at: at, weight: .detail, text: "\(step)\(place): attempt \(attempt) in \(wait): \(reason)")]
        case .waiting(let step, _, let reason): return [Line(at: at, weight: .detail, text: "\(step) waits: \(reason)")]
        case .halted(let step, let reason): return [Line(at: at, weight: .alarm, text: "\(step) halts: \(reason)")]
        case .chose: return []
        case .voteCounted(let step, let vote, let have, let needed):
            let comment = vote.comment.isEmpty ? "" : " (\(vote.comment))"
            let text = "approved by \(vote.person): \(step), \(have) of \(needed)\(comment)"
            return [Line(at: at, weight: .main, text: text)]
        case .inDoubt(let step, let target, let reason):
            let place = target.map { " on \($0)" } ?? ""
            return [Line(at: at, weight: .alarm, text: "? \(step)\(place) is in doubt: \(reason)")]
        case .stopping(let reason): return [Line(at: at, weight: .alarm, text: "stopping: \(reason)")]
        case .ignored(let ignored): return [Line(at: at, weight: .detail, text: ignored.text)]
        }
    }

    private func line(for step: StepKey, _ outcome: Outcome, _ reason: String?, at: Instant) -> Line {
        let isFine = outcome == .succeeded || outcome == .skipped
        let why = reason.map { ": \($0.shortened(to: isFine ? Self.room : max(240, Self.room)))" } ?? ""
        let span = self.entered[step].map { at.elapsed(since: $0) } ?? .zero
        let took = span == .zero ? "" : " in \(span.rounded)"
        let verb = self.verbs[step] ?? ""
        if isFine, ["choose", "set", "finish"].contains(verb) {
            return Line(at: at, weight: .main, text: "✓ \(step) (\(verb))\(why)")
        }
        let mark = isFine ? "✓" : "✗"
        return Line(at: at, weight: isFine ? .main : .alarm, text: "\(mark) \(step) \(outcome.rawValue)\(took)\(why)")
    }

    /// The end of what a command printed.
    private static func output(of report: CommandReport, at: Instant) -> [Line] {
        [report.standardOutput, report.standardError].flatMap { text -> [Line] in
            let lines = text.split(separator: "\n", omittingEmptySubsequences: true)
            let left = lines.count - self.outputLines
            let more = left > 0 ? ["… \(left) more before; --format json has them"] : []
            let shown = more + lines.suffix(self.outputLines).map { String($0).shortened(to: self.outputWidth) }
            return shown.map { Line(at: at, weight: .detail, text: "│ \(Terminal.printable($0))") }
        }
    }

    /// The host that a command is for, if it is for one.
    func target(of effect: EffectID) -> NodeName? {
        self.acts[effect]?.target
    }

    private func name(of effect: EffectID) -> String {
        guard let act = self.acts[effect] else {
            return effect.text
        }
        let attempt = act.attempt > 1 ? ", attempt \(act.attempt)" : ""
        return "\(act.summary.shortened(to: Self.room)) on \(act.target?.text ?? "this machine")\(attempt)"
    }
}

extension Timeline.Line {
    /// `T+1m30s  text`, with the time since the start of the run.
    func text(since start: Instant) -> String {
        let span = self.at.elapsed(since: start)
        return self.text(labelled: "T+\(span == .zero ? "0s" : span.rounded)", width: 11)
    }

    /// `2026-11-21 03:42:10 UTC  text`.
    var textWithMoment: String {
        self.text(labelled: CalendarText.utc(self.at), width: 25)
    }

    private func text(labelled label: String, width: Int) -> String {
        let padding = String(repeating: " ", count: max(1, width - label.count))
        let indent = if case .detail = self.weight { "    " } else { "" }
        return label + padding + indent + self.text
    }
}

extension Act {
    /// How it ended: a request ends with a status of its own kind.
    fileprivate func text(of report: CommandReport) -> String {
        guard case .request = self.command, case .exited(let status) = report.ending else {
            return report.ending.text
        }
        return status == 0 ? "no answer" : "answered \(status)"
    }
}

extension CommandReport.Ending {
    var text: String {
        switch self {
        case .exited(status: 0): "done"
        case .exited(let status): "exit status \(status)"
        case .signalled(let name): "ended by signal \(name)"
        case .timedOut: "not done in time, stopped"
        case .stopped: "stopped"
        case .notSent(let reason): "not sent: \(reason)"
        case .inDoubt(let reason, _): "in doubt: \(reason)"
        }
    }
}

extension Ignored {
    var text: String {
        switch self {
        case .alreadyEnded: "ignored: the run has ended"
        case .notWaitedFor(let what): "ignored: \(what)"
        case .vote(let step, let person, let refusal):
            "the vote of \(person) at \(step) does not count: \(refusal.rawValue)"
        case .settlement(let step, let reason): "ignored at \(step): \(reason)"
        case .earlyClock: "ignored: the clock was early"
        }
    }
}
