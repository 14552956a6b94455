// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunCore
import RunJournal
import RunPlan
import RunPorts
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine
import WorldAdapters

struct Runs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the runs of the store, the newest first.")

    @OptionGroup var configuration: ConfigurationOption

    @Option(parsing: .unconditional, help: "How many, at least 1.")
    var limit = 20

    @Option(help: "How the list is printed.")
    var format = OutputFormat.text

    func validate() throws {
        if self.limit < 1 {
            throw ValidationError("--limit is at least 1")
        }
    }

    func run() async throws {
        let configuration = try self.configuration.loadForStore()
        let store = try JournalReader.open(configuration)
        let standing = StoreStanding(configuration: configuration)
        let isDriven = standing.engine != nil
        let runs = try await store.reporting { try await $0.runs(.latest(self.limit)) }
        switch self.format {
        case .json:
            Terminal.output(JSON.array(runs.map(\.json)).prettyText)
        case .text:
            guard !runs.isEmpty else {
                Terminal.say("there are no runs yet")
                return
            }
            await standing.mentionFreeze()
            var table = TextTable(["RUN", "RUNBOOK", "STATE", "REQUESTED BY", "STARTED", "TOOK"])
            for run in runs {
                let started = CalendarText.utc(Instant(milliseconds: run.createdAt))
                let took = run.took(isDriven: isDriven)
                table.add([run.id, run.runbook, run.standing(isDriven: isDriven), run.requestedBy, started, took])
            }
            Terminal.output(table.text)
        }
    }
}

struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell what a run did, from its journal.",
        discussion: "The journal is replayed through the same machine that decided the run, so every reason is there."
    )

    @Argument(help: "The run, or the beginning of its id; without it, the newest.")
    var run: String?

    @OptionGroup var configuration: ConfigurationOption

    @Flag(help: "Leave out what happened inside steps.")
    var brief = false

    @Flag(help: "Print the time of day, in UTC, in place of the time since the run's start.")
    var absolute = false

    @Option(help: "How it is printed; json gives the journal's records with what followed from each.")
    var format = OutputFormat.text

    func run() async throws {
        let configuration = try self.configuration.loadForStore()
        let store = try JournalReader.open(configuration)
        let summary = try await store.reporting { store -> RunSummary? in
            if let prefix = self.run {
                return try await store.findRun(prefix)
            }
            return try await store.runs(.latest(1)).first
        }
        guard let summary else {
            Terminal.say("there are no runs yet")
            throw ExitCode.answerIsNo
        }
        let id = RunID(summary.id)
        let (binding, events) = try await store.reporting { store in
            (try await store.binding(of: id), try await store.events(of: id))
        }
        let story = RunStory(binding: binding, events: events)
        switch self.format {
        case .json: Terminal.output(story.json(summary).prettyText)
        case .text:
            let isDriven = StoreStanding(configuration: configuration).engine != nil
            let manner = RunStory.Manner(isBrief: self.brief, isAbsolute: self.absolute, isDriven: isDriven)
            Terminal.output(story.text(summary, manner))
        }
        if let problem = story.problem {
            Terminal.say("the journal contradicts the plan: \(problem)")
            throw ExitCode.weFailed
        }
    }
}

/// The store, opened to be read beside a running engine.
struct JournalReader {
    private let store: RunStore

    static func open(_ configuration: SelfhealConfiguration) throws -> JournalReader {
        do throws(StoreError) {
            return JournalReader(store: try RunStore.open(folder: configuration.storeFolder, mode: .readOnly))
        } catch {
            if case .noStore = error.code {
                Terminal.say("there are no runs yet: \(configuration.storeFolder) has no store")
                throw ExitCode.answerIsNo
            }
            Terminal.say(error.message)
            throw ExitCode.weFailed
        }
    }

    /// Says in words what went wrong, and whose fault it is.
    func reporting<Value: Sendable>(_ body: (RunStore) async throws -> Value) async throws -> Value {
        do {
            return try await body(self.store)
        } catch let error as StoreError {
            Terminal.say(error.message)
            switch error.code {
            case .unknownRun, .ambiguousRun: throw ExitCode.answerIsNo
            default: throw ExitCode.weFailed
            }
        } catch {
            Terminal.say(EngineError(describing: error).message)
            throw ExitCode.weFailed
        }
    }
}

/// A run told from its journal.
struct RunStory {
    struct Chapter {
        let event: RunEvent
        let effects: [RunEffect]
    }

    /// How it is told.
    struct Manner {
        var isBrief = false
        /// With the time of day in place of the time since the start.
        var isAbsolute = false
        /// Whether an engine has the store.
        var isDriven = true
    }

    private let binding: RunBinding
    private(set) var chapters: [Chapter] = []
    private var machine: RunMachine
    /// Where the journal contradicts the plan.
    private(set) var problem: String?

    var run: RunID { self.binding.run }

    init(binding: RunBinding, events: [RunEvent]) {
        self.binding = binding
        self.machine = RunMachine(binding: binding)
        for (index, event) in events.enumerated() {
            do {
                self.chapters.append(Chapter(event: event, effects: try self.machine.handle(event)))
            } catch {
                self.problem = "record \(index + 1): \(error.message)"
                return
            }
        }
    }

    func text(_ summary: RunSummary, _ manner: Manner) -> String {
        let start = self.chapters.first?.event.moment
        var lines = [
            "run          \(summary.id)",
            "runbook      \(self.binding.plan.runbook): \(self.binding.plan.title)",
            "requested    by \(summary.requestedBy) at \(CalendarText.utc(Instant(milliseconds: summary.createdAt)))",
            "started      \(start.map { CalendarText.utc($0) } ?? "not yet")",
            "cluster      \(self.binding.inventory.clusterName)",
            "plan         \(summary.planDigest)",
        ]
        let parameters = self.binding.shownParameters.map { "\($0.name)=\($0.text)" }
        if !parameters.isEmpty {
            lines.append("parameters   \(parameters.joined(separator: ", "))")
        }
        let settings = (self.binding.plan.settings ?? []).map { "\($0.name)=\($0.value.text)" }
        if !settings.isEmpty {
            lines.append("settings     \(settings.joined(separator: ", "))")
        }
        let nobody = manner.isDriven ? "" : "; nobody drives it: 'selfheal resume \(summary.id)' goes on with it"
        let left = LeftInDoubt(
            run: RunID(summary.id),
            runbook: summary.runbook,
            doubts: self.machine.leftInDoubt
        )
        lines.append("outcome      \(self.machine.outcome?.rawValue ?? "not ended: \(self.standing)\(nobody)")")
        if !left.doubts.isEmpty {
            lines.append("in doubt     \(left.text)")
        }
        lines.append("")
        var timeline = Timeline(of: RunID(summary.id))
        timeline.showsOutput = true
        let origin = start ?? Instant(milliseconds: summary.createdAt)
        for chapter in self.chapters {
            var told = timeline.lines(for: chapter.event)
            for effect in chapter.effects {
                told += timeline.lines(for: effect, at: chapter.event.moment)
            }
            for line in told {
                if manner.isBrief, case .detail = line.weight {
                    continue
                }
                lines.append(manner.isAbsolute ? line.textWithMoment : line.text(since: origin))
            }
        }
        return lines.joined(separator: "\n")
    }

    /// What a run that has not ended waits for.
    private var standing: String {
        if let doubt = self.machine.doubts.first {
            return "in doubt at \(doubt.step); 'selfheal settle' decides"
        }
        if let gate = self.machine.openGates.first {
            return "waits for approval at \(gate.gate.step)"
        }
        return "at \(self.machine.stepsUnderWay.last?.text ?? "its beginning")"
    }

    func json(_ summary: RunSummary) -> JSON {
        let records = self.chapters.map { chapter -> JSON in
            let record = chapter.event.record
            let body = (try? JSON(parsing: record.body)) ?? .null
            var timeline = Timeline(of: RunID(summary.id))
            let notes = chapter.effects.flatMap { timeline.lines(for: $0, at: record.at) }.map { JSON.string($0.text) }
            return .object([
                JSONMember("kind", .string(record.kind)), JSONMember("at", .int(record.at.milliseconds)),
                JSONMember("body", body), JSONMember("then", .array(notes)),
            ])
        }
        return .object(
            (summary.json.members ?? []) + [
                JSONMember("plan_digest", .string(summary.planDigest)), JSONMember("records", .array(records)),
            ]
        )
    }
}

extension RunSummary {
    /// Its outcome, or what it is about; a run that rests in a store without an engine is not said to be running.
    func standing(isDriven: Bool) -> String {
        switch RunState(rawValue: self.state) {
        case .endedInDoubt: "\(self.outcome ?? "ended"), in doubt"
        case .running, .waitingForLock, .waitingForApproval, .inDoubt:
            self.outcome ?? (isDriven ? self.state : "\(self.state) (nobody drives it: selfheal resume)")
        case .ended, .stopped, nil: self.outcome ?? self.state
        }
    }

    func took(isDriven: Bool) -> String {
        guard self.outcome == nil, self.state != RunState.stopped.rawValue else {
            return Milliseconds(self.updatedAt - self.createdAt).rounded
        }
        // Nobody counts while nobody drives it.
        guard isDriven else {
            return "-"
        }
        let now = max(SystemWallClock().now.milliseconds, self.updatedAt)
        return "\(Milliseconds(now - self.createdAt).rounded) so far"
    }

    var json: JSON {
        .object([
            JSONMember("run", .string(self.id)), JSONMember("runbook", .string(self.runbook)),
            JSONMember("title", .string(self.title)), JSONMember("state", .string(self.state)),
            JSONMember("outcome", self.outcome.map { .string($0) } ?? .null),
            JSONMember("requested_by", .string(self.requestedBy)), JSONMember("created_at", .int(self.createdAt)),
            JSONMember("updated_at", .int(self.updatedAt)),
        ])
    }
}

enum CalendarText {
    /// `2026-11-21 03:42:10 UTC`.
    static func utc(_ moment: Instant) -> String {
        var seconds = time_t(moment.milliseconds / 1_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S UTC", &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Columns that line up.
struct TextTable {
    private var rows: [[String]]

    init(_ head: [String]) {
        self.rows = [head]
    }

    mutating func add(_ row: [String]) {
        self.rows.append(row)
    }

    var text: String {
        let columns = self.rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            self.rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        return self.rows.map { row in
            row.enumerated().map { column, cell in
                column + 1 == row.count ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }.joined()
        }.joined(separator: "\n")
    }
}
