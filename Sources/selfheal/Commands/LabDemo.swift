// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import PracticeCluster
import RunCore
import RunPlan
import RunVocabulary
import SelfhealConfiguration
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
        abstract: "Start a practice cluster, break it, and heal it with a runbook while you watch.",
        discussion:
            "'quorum' kills a majority; 'data' also wipes their disks, and two people are asked before anything is rebuilt."
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
        let mode: BreakMode = self.story == .quorum ? .quorum : .data
        Self.title("It breaks: \(mode.summary)")
        let broken = try await Lab.reporting { try await cluster.breakNow(mode) }
        for act in broken.acts {
            Terminal.say(act)
        }
        let clock = WallTime()
        let noticed = try await self.notice(cluster, since: clock)
        Self.title("Selfheal heals it")
        let file = try ConfigurationOption.parse(["--config", cluster.configurationPath])
        let configuration = try file.load()
        let (run, healed) = try await self.heal(plan, configuration, cluster, since: clock)
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

    /// Waits until the loss can be seen from outside, as a monitor would.
    private func notice(_ cluster: PracticeCluster, since clock: WallTime) async throws -> Milliseconds {
        for _ in 0..<600 {
            let status = try await Lab.reporting { try await cluster.status(includingDisks: false) }
            if status.leaders.isEmpty {
                return clock.elapsed
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        return clock.elapsed
    }

    private func heal(
        _ plan: Plan,
        _ configuration: SelfhealConfiguration,
        _ cluster: PracticeCluster,
        since clock: WallTime
    ) async throws -> (RunID, Milliseconds) {
        let session = try await LiveSession.open(configuration, isQuiet: false)
        let desk = OperatorDesk(configuration: configuration)
        let requester = UnixUser.current ?? "unknown"
        let settings = [
            "settle_time=2s", "broker_pause=500ms", "backup_folder=\(cluster.folder)/backups",
        ]
        let known = settings.filter { text in plan.parameters.contains { text.hasPrefix($0.name + "=") } }
        let binding = RunBinding(
            run: RunNaming.fresh(),
            plan: plan,
            parameters: try ParameterValues.read(known, for: plan),
            inventory: configuration.inventory,
            requestedBy: desk.person(unixUser: requester)?.name ?? PersonName(requester),
            requesterMayApprove: configuration.requesterMayApprove
        )
        try await session.begin(binding, source: self.runbook)
        // One approval is asked of whoever sits at the terminal; a demo user gives the other, or both when nobody is there.
        let voices = Terminal.isInteractive ? ["dana"] : ["dana", "lin"]
        if self.story == .data {
            let who = voices.joined(separator: " and ")
            Terminal.say(
                Terminal.isInteractive
                    ? "two approvals will be needed: the demo user \(who) gives one, you are asked for the other"
                    : "nobody sits at a terminal: the demo users \(who) give the two approvals"
            )
        }
        let voters = session.approve(binding.run, as: voices)
        defer { voters.cancel() }
        do {
            try await session.finish(binding.run)
        } catch let code as ExitCode where code == .answerIsNo {
            Terminal.say("the run did not come out well; the summary says why")
        }
        return (binding.run, clock.elapsed)
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

extension LiveSession {
    /// Lets demo users answer every gate of the run, one after the other.
    func approve(_ run: RunID, as people: [String]) -> Task<Void, Never> {
        Task { [engine = self.engine] in
            var answered: Set<String> = []
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                guard let machine = try? await engine.reach(run).machine() else {
                    continue
                }
                for gate in machine.openGates {
                    for person in people where answered.insert("\(gate.gate.step) \(person)").inserted {
                        let request = OperatorRequest.vote(
                            run: run.text,
                            step: gate.gate.step.text,
                            decision: .granted,
                            digest: gate.gate.digest,
                            comment: "demo user",
                            speakingFor: person
                        )
                        _ = try? await engine.desk.answer(request, from: UnixUser.current, about: engine.reach(run))
                    }
                }
            }
        }
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
