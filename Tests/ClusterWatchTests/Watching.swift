// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import CronCalendar
import RunCore
import RunPlan
import RunTestSupport
import RunVocabulary
import Testing

/// A watch over pretended nodes, in time that passes only when it is told to.
struct Watching {
    private(set) var machine: WatchMachine
    /// What each node answers; nothing means that it does not answer in time.
    var answers: [NodeName: [String: Fact]] = [:]
    private(set) var now = Instant(milliseconds: 0)
    private(set) var launches: [Launch] = []
    private(set) var told: [String] = []
    private(set) var notes: [WatchNote] = []
    private(set) var decided: [Decision] = []
    private(set) var looks: [(node: NodeName, at: Instant)] = []
    private(set) var wishes: [Wish] = []
    private(set) var answered: [(number: Int64, text: String)] = []
    private var runs = 0

    static let silence: [String: Fact] = ["problem": .string("timed out")]

    static func settings(_ change: (inout WatchSettings) -> Void = { _ in }) -> WatchSettings {
        var settings = WatchSettings()
        settings.every = .seconds(10)
        settings.timeout = .seconds(3)
        settings.askFrom = [.role("on_call")]
        settings.channels = ["oncall"]
        change(&settings)
        return settings
    }

    static func inventory(nodes count: Int) -> Inventory {
        let nodes = (1...count).map { number in
            var node = Node(name: NodeName("n\(number)"), host: "n\(number)", roles: ["node"])
            node.monitor = .tcp(port: "app")
            return node
        }
        return Inventory(clusterName: "c", clusterID: "", nodes: nodes, services: [])
    }

    static func plan(
        _ name: String = "heal",
        autonomy: String = "automatic",
        trigger: String = "for: 20s",
        head: String = "mass_failure: true"
    ) throws -> Plan {
        try PlanFixture.plan(
            """
            runbook: \(name)
            targets:
              nodes: { role: node }
            triggers:
              - condition: nodes.exists(n, n.health == 'down')
                \(trigger)
            autonomy: \(autonomy)
            \(head)
            steps:
              - id: done
                finish: { outcome: succeeded }
            """
        )
    }

    init(
        _ plans: [Plan],
        nodes count: Int = 3,
        settings: WatchSettings = Watching.settings(),
        runs: [TriggeredRun] = [],
        freeze: Freeze? = nil,
        zones: [String: ZoneRules] = [:],
        watchedUntil: Instant? = nil,
        at moment: Instant = Instant(milliseconds: 0)
    ) {
        let inventory = Self.inventory(nodes: count)
        self.now = moment
        self.machine = WatchMachine(
            settings: settings,
            inventory: inventory,
            runbooks: plans.map {
                WatchedRunbook(plan: $0, parameters: [:], inventory: inventory, settings: settings)
            },
            runs: runs,
            freeze: freeze,
            zones: zones,
            watchedUntil: watchedUntil
        )
        for node in inventory.nodes {
            self.answers[node.name] = ["serving": .bool(true)]
        }
        self.send(.began(at: moment))
    }

    mutating func answer(_ facts: [String: Fact], from nodes: String...) {
        for node in nodes {
            self.answers[NodeName(node)] = facts
        }
    }

    /// Every look is answered at once, and every start succeeds.
    mutating func send(_ event: WatchEvent) {
        self.follow(self.machine.handle(event))
    }

    mutating func reconfigure(
        _ plans: [Plan],
        nodes count: Int = 3,
        settings: WatchSettings = Watching.settings()
    ) {
        let inventory = Self.inventory(nodes: count)
        let effects = self.machine.reconfigure(
            settings: settings,
            inventory: inventory,
            runbooks: plans.map {
                WatchedRunbook(plan: $0, parameters: [:], inventory: inventory, settings: settings)
            },
            at: self.now
        )
        self.follow(effects)
    }

    private mutating func follow(_ effects: [WatchEffect]) {
        for effect in effects {
            switch effect {
            case .look(let node, _):
                self.looks.append((node, self.now))
                self.send(.looked([ProbeReport(target: node, facts: self.answers[node] ?? Self.silence)], at: self.now))
            case .start(let launch):
                self.launches.append(launch)
                self.runs += 1
                self.send(
                    .runBegan(
                        self.run(self.runs),
                        runbook: launch.plan.runbook,
                        subject: launch.subject,
                        at: self.now
                    )
                )
            // Everything that is accepted is on disk at once, and nothing is accepted twice.
            case .accept(let wishes):
                let new = wishes.filter { !self.wishes.contains($0) }
                self.wishes += new
                let first = Int64(self.wishes.count - new.count)
                let taken = new.enumerated().map {
                    AcceptedAlert(number: first + Int64($0), runbook: $1.runbook, alert: $1.alert, at: self.now)
                }
                self.send(.alerted(taken, at: self.now))
            case .answer(let numbers, let text): self.answered += numbers.map { ($0, text) }
            case .tell(let notice): self.told.append(notice.message)
            case .note(let note): self.notes.append(note)
            case .decided(let decision): self.decided.append(decision)
            }
        }
    }

    func run(_ number: Int) -> RunID {
        RunID("run-\(number)")
    }

    /// Lets time pass, waking the watch whenever it asked for it.
    mutating func wait(_ span: Milliseconds) {
        let end = self.now + span
        while let moment = self.machine.wakeAt, moment <= end {
            self.now = max(self.now, moment)
            self.send(.clockReached(at: self.now))
        }
        self.now = end
    }

    mutating func end(_ number: Int, _ outcome: RunOutcome = .succeeded) {
        self.send(.runEnded(self.run(number), outcome, at: self.now))
    }

    func decision(on runbook: String = "heal") -> Decision? {
        self.machine.decision(on: runbook)
    }
}
