// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// One line of a rehearsal.
package struct TimelineEntry: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable, CaseIterable {
        /// What the scenario does to the world.
        case fault
        /// What happens in the world by itself; the run does not know of it until it looks.
        case world
        /// What the monitors see.
        case monitor
        case trigger
        case step
        case act
        case gate
        case notice
        case note
        /// Data is lost or forked.
        case harm
        case end
    }

    package var at: Instant
    package var kind: Kind
    package var step: StepKey?
    package var target: NodeName?
    package var text: String

    package init(at moment: Instant, _ kind: Kind, step: StepKey? = nil, target: NodeName? = nil, _ text: String) {
        self.at = moment
        self.kind = kind
        self.step = step
        self.target = target
        self.text = text
    }
}

/// How a rehearsal came out, with everything that happened.
package struct RehearsalResult: Hashable, Sendable {
    package enum Ending: Hashable, Sendable {
        case ended(RunOutcome, reason: String)
        /// It would have had to be started and was not; the reason says why.
        case notStarted(reason: String)
        /// The scenario's time was up, and the run waits for these.
        case unfinished(waitsFor: [String])
    }

    package var scenario: String
    package var runbook: String
    package var seed: UInt64
    package var ending: Ending
    package var timeline: [TimelineEntry]
    /// The steps that were entered, in order.
    package var path: [StepKey]
    /// What the run itself did, in order, for programs that look into it.
    package var moments: [Moment]
    package var startedAt: Instant?
    package var endedAt: Instant
    /// What it cost; nothing when it was not counted.
    package var toll: Toll?

    package init(
        scenario: String,
        runbook: String,
        seed: UInt64,
        ending: Ending,
        timeline: [TimelineEntry],
        path: [StepKey],
        moments: [Moment] = [],
        startedAt: Instant?,
        endedAt: Instant,
        toll: Toll? = nil
    ) {
        self.scenario = scenario
        self.runbook = runbook
        self.seed = seed
        self.ending = ending
        self.timeline = timeline
        self.path = path
        self.moments = moments
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.toll = toll
    }

    package var outcome: RunOutcome? {
        if case .ended(let outcome, _) = self.ending { outcome } else { nil }
    }

    package var harms: [TimelineEntry] {
        self.timeline.filter { $0.kind == .harm }
    }

    /// Whether the world is as one would wish: healed or found well, and no data lost or forked on the way.
    package var isWell: Bool {
        (self.outcome == .succeeded || self.outcome == .notNeeded) && self.harms.isEmpty
    }

    /// From the start of the run to its end.
    package var duration: Milliseconds? {
        self.startedAt.map { self.endedAt.elapsed(since: $0) }
    }
}

extension RehearsalResult {
    /// Something that the run did.
    package struct Moment: Hashable, Sendable {
        package enum What: Hashable, Sendable {
            case entered(StepKey)
            /// `chosen` is the reason that a `choose` gave; `isAnswered` that a person's answer ended the step.
            case left(StepKey, Outcome, chosen: String?, isAnswered: Bool)
            /// Nobody for the target is the engine's own machine; the text is what a reader would call the command.
            case sent(StepKey, NodeName?, String)
            case told([String], Severity, String)
        }

        package var at: Instant
        package var what: What

        package init(at moment: Instant, what: What) {
            self.at = moment
            self.what = what
        }
    }
}

// MARK: For people

extension RehearsalResult {
    /// The timeline in aligned columns, one event a line, and how it ended.
    package var text: String {
        let moments = self.timeline.map { "T+\($0.at.sinceStart)" }
        let width = moments.map(\.count).max() ?? 0
        var lines = zip(moments, self.timeline).map { moment, entry in
            let kind = entry.kind.label.padded(to: TimelineEntry.Kind.labelWidth)
            return "\(moment.padded(to: width))  \(kind)  \(entry.line)"
        }
        lines.append("")
        lines.append(self.verdict)
        return lines.joined(separator: "\n")
    }

    /// One sentence: how the run came out, after how long, and whether anything was lost.
    package var verdict: String {
        let times = self.harms.count == 1 ? "once" : "\(self.harms.count) times"
        let harms = self.harms.isEmpty ? "" : "; harm was done \(times)"
        switch self.ending {
        case .ended(let outcome, _): return "\(outcome.rawValue) after \((self.duration ?? .zero).wholeSeconds)\(harms)"
        case .notStarted(let reason): return "not started: \(reason)\(harms)"
        case .unfinished(let waits):
            return "not ended by T+\(self.endedAt.sinceStart)\(harms): waits for \(waits.joined(separator: ", "))"
        }
    }
}

extension TimelineEntry {
    fileprivate var line: String {
        let subject = self.target.map { "\($0): " } ?? ""
        let step = self.step.map { "\($0)  " } ?? ""
        let text = self.text.onOneLine
        return "\(step)\(subject)\(self.kind.isMessage ? text : text.shortened)"
    }
}

extension TimelineEntry.Kind {
    /// What people are told is shown whole; conditions are there to be recognised.
    fileprivate var isMessage: Bool {
        switch self {
        case .gate, .notice, .harm, .end, .fault: true
        case .world, .monitor, .trigger, .step, .act, .note: false
        }
    }

    fileprivate var label: String {
        self == .harm ? "HARM" : self.rawValue
    }

    fileprivate static let labelWidth = Self.allCases.map(\.rawValue.count).max() ?? 0
}

extension Instant {
    /// `0s`, `45s`, `1m30s`: the time of a rehearsal in whole seconds.
    var sinceStart: String {
        self.elapsed(since: Instant(milliseconds: 0)).wholeSeconds
    }
}

extension Milliseconds {
    var wholeSeconds: String {
        Milliseconds(self.count / 1_000 * 1_000).description
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - self.count))
    }

    private static let shortLimit = 120

    fileprivate var shortened: String {
        self.count > Self.shortLimit ? "\(self.prefix(Self.shortLimit - 1))…" : self
    }

    /// Line breaks and runs of spaces become one space each.
    fileprivate var onOneLine: String {
        self.split { $0 == " " || $0.isNewline }.joined(separator: " ")
    }
}

// MARK: For programs

extension RehearsalResult {
    package var json: JSON {
        var members = [
            JSONMember("scenario", .string(self.scenario)),
            JSONMember("runbook", .string(self.runbook)),
            JSONMember("seed", .string("\(self.seed)")),
            JSONMember("outcome", self.outcome.map { .string($0.rawValue) } ?? .null),
            JSONMember("verdict", .string(self.verdict)),
            JSONMember("started_at_ms", self.startedAt.map { .int($0.milliseconds) } ?? .null),
            JSONMember("ended_at_ms", .int(self.endedAt.milliseconds)),
            JSONMember("path", .array(self.path.map { .string($0.text) })),
            JSONMember("harm", .array(self.harms.map { .string($0.text) })),
        ]
        if case .unfinished(let waits) = self.ending {
            members.append(JSONMember("waits_for", .array(waits.map { .string($0) })))
        }
        members.append(JSONMember("timeline", .array(self.timeline.map(\.json))))
        return .object(members)
    }
}

extension TimelineEntry {
    fileprivate var json: JSON {
        .object([
            JSONMember("at_ms", .int(self.at.milliseconds)),
            JSONMember("kind", .string(self.kind.rawValue)),
            JSONMember("step", self.step.map { .string($0.text) } ?? .null),
            JSONMember("target", self.target.map { .string($0.text) } ?? .null),
            JSONMember("text", .string(self.text)),
        ])
    }
}
