// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import PracticeCluster
import RunCore
import RunPlan
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import SelfhealDaemon
import SelfhealEngine
import WorldAdapters

/// The main job from one end to the other, on real processes.
struct LabDemo: AsyncParsableCommand {
    enum Story: String, ExpressibleByArgument, CaseIterable {
        case quorum
        case data
    }

    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Start a practice cluster, watch it, break it, and see it healed.",
        discussion: """
            The daemon of 'selfheal serve' looks at the cluster, notices the break by itself, asks whether the runbook may start, and heals. \
            'quorum' kills a majority; 'data' also wipes their disks, and two people are asked before anything is rebuilt.
            """
    )

    @Option(help: "Which story.")
    var story = Story.quorum

    @Option(help: "The runbook that heals.")
    var runbook = "runbooks/zookeeper_quorum_loss.yaml"

    @OptionGroup var folder: Lab.FolderOption

    @Flag(help: "Take the practice cluster down afterwards, and its journal with it.")
    var takeDown = false

    func run() async throws {
        let plan = try RunbookFile.loadOrExit(self.runbook)
        let cluster = try await self.up()
        let before = try await Lab.reporting { try await cluster.status() }
        Self.title("The cluster before")
        Terminal.say(before.text)
        let configuration = try ConfigurationOption.parse(["--config", cluster.configurationPath]).load()
        Self.title("Selfheal watches")
        let watch = try await DemoWatch.start(configuration, self.watched(plan, in: cluster))
        // The first decision about a runbook comes when every node that it asks of has been seen.
        _ = try await watch.next("decision")
        let mode: BreakMode = self.story == .quorum ? .quorum : .data
        Self.title("It breaks: \(mode.summary)")
        let broken = try await Lab.reporting { try await cluster.breakNow(mode) }
        for act in broken.acts {
            Terminal.say(act)
        }
        let clock = WallTime()
        Self.title("Selfheal notices by itself, waits whether it lasts, asks, and heals")
        _ = try await watch.next("health")
        let noticed = clock.elapsed
        let run = try await self.heal(watch, plan)
        let healed = clock.elapsed
        await watch.end()
        let after = try await Lab.reporting { try await cluster.status() }
        Self.title("The cluster afterwards")
        Terminal.say(after.text)
        try await self.summarize(run, configuration, broken, before, after, noticed: noticed, healed: healed)
        if self.takeDown {
            try await self.down()
            Terminal.say("\nThe cluster and its journal are taken down.")
        } else {
            let place = self.folder.folder == LabOptions.defaultFolder ? "" : " --folder \(self.folder.folder)"
            Terminal.say("\nThe journal:  selfheal show \(run) --config \(cluster.configurationPath)")
            Terminal.say(
                "The cluster still runs, for you to look at; 'selfheal lab down\(place)' takes it and its journal down."
            )
        }
        guard after.isHealthy else {
            throw ExitCode.answerIsNo
        }
    }

    // MARK: Chapters

    private func up() async throws -> PracticeCluster {
        Self.title("A practice cluster: three ZooKeepers, three brokers' stand-ins, an sshd for each")
        try await Lab.requireNoEngine(in: self.folder.folder)
        if access("\(self.folder.folder)/selfheal.yaml", F_OK) == 0 {
            Terminal.say("The practice cluster that is there is taken down first, and its journal with it.")
        }
        try await self.down()
        let options = LabOptions(
            folder: self.folder.folder,
            standInCommand: [try ExecutablePath.own(), "lab", "stand-in"]
        )
        return try await Lab.reporting { try await PracticeCluster.up(options) { Terminal.say($0) } }
    }

    private func down() async throws {
        _ = try await Lab.reporting { try await PracticeCluster.down(folder: self.folder.folder) { _ in } }
    }

    /// The runbook with values that suit a practice cluster: what is waited for in production is waited for here, too, but not as long.
    private func watched(_ plan: Plan, in cluster: PracticeCluster) throws -> WatchDaemon.Runbook {
        let settings = [
            "settle_time=2s", "broker_pause=500ms", "backup_folder=\(cluster.folder)/backups",
        ]
        let known = settings.filter { text in plan.parameters.contains { text.hasPrefix($0.name + "=") } }
        return WatchDaemon.Runbook(
            plan: plan,
            parameters: try ParameterValues.read(known, for: plan),
            source: RunbookFile.load(self.runbook).file.text
        )
    }

    /// From the start of the run that the daemon begins to its end.
    private func heal(_ watch: DemoWatch, _ plan: Plan) async throws -> RunID {
        guard let run = try await watch.next("run_began").run else {
            throw ExitCode.weFailed
        }
        // One approval is asked of whoever sits at the terminal; a demo user gives the others, or all when nobody is there.
        let isInteractive = Terminal.isInteractive
        let voices = isInteractive ? ["dana"] : ["dana", "lin"]
        Terminal.say(
            isInteractive
                ? "you are asked; where two must agree, the demo user dana is the other one"
                : "nobody sits at a terminal: the demo users \(voices.joined(separator: " and ")) approve"
        )
        let voters = watch.engine.approve(run, as: voices, asPersonSits: isInteractive)
        let asking = TerminalApprovals(engine: watch.engine, run: run).start()
        defer {
            voters.cancel()
            asking?.cancel()
        }
        let end = try await watch.next("run_ended", "run_stopped")
        Terminal.output(end.message)
        return run
    }

    private func summarize(
        _ run: RunID,
        _ configuration: SelfhealConfiguration,
        _ broken: Break,
        _ before: LabStatus,
        _ after: LabStatus,
        noticed: Milliseconds,
        healed: Milliseconds
    ) async throws {
        let store = try JournalReader.open(configuration)
        let (binding, events) = try await store.reporting { store in
            (try await store.binding(of: run), try await store.events(of: run))
        }
        let story = RunStory(binding: binding, events: events)
        Self.title("Summary")
        Terminal.say("What broke:    \(broken.acts.joined(separator: "; "))")
        Terminal.say("Noticed:       \(noticed.rounded) after the break; healed \(healed.rounded) after it")
        Terminal.say("Before:        \(before.sentence)")
        Terminal.say("After:         \(after.sentence)")
        Terminal.say("Steps:")
        for step in story.steps {
            Terminal.say("  \(step)")
        }
        let votes = story.votes
        Terminal.say("Approved by:   \(votes.isEmpty ? "nobody was asked" : votes.joined(separator: ", "))")
        Terminal.say("Sent to hosts:")
        for command in story.commands {
            Terminal.say("  \(command)")
        }
    }

    private static func title(_ text: String) {
        Terminal.say("\n── \(text) ──")
    }
}

/// Time since a moment, for people.
struct WallTime {
    private let start = ContinuousClock.now

    var elapsed: Milliseconds {
        Milliseconds(ContinuousClock.now - self.start)
    }
}

extension RunStory {
    /// Each step with its outcome and time.
    var steps: [String] {
        self.toldLines.compactMap { line in
            line.hasPrefix("✓ ") || line.hasPrefix("✗ ") ? line : nil
        }
    }

    var votes: [String] {
        self.effects.compactMap { effect in
            guard case .note(.voteCounted(let step, let vote, _, _)) = effect else {
                return nil
            }
            return "\(vote.person) (\(step))"
        }
    }

    var commands: [String] {
        self.effects.compactMap { effect in
            guard case .act(let act) = effect else {
                return nil
            }
            return "\(act.target?.text ?? "this machine"): \(act.command.text.shortened(to: 100))"
        }
    }

    private var effects: [RunEffect] {
        self.chapters.flatMap(\.effects)
    }

    private var toldLines: [String] {
        var timeline = Timeline(of: self.run)
        return self.chapters.flatMap { chapter in
            timeline.lines(for: chapter.event).map(\.text)
                + chapter.effects.flatMap { timeline.lines(for: $0, at: chapter.event.moment) }.map(\.text)
        }
    }
}
