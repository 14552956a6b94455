// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import Testing

/// One run, driven event by event, as an engine would; effects read as short lines.
struct Transcript {
    let binding: RunBinding
    private(set) var machine: RunMachine
    private(set) var events: [RunEvent] = []
    /// What was asked for and not answered yet, in the order it was asked.
    private(set) var open: [RunEffect] = []
    private(set) var notes: [RunNote] = []
    private(set) var acts: [Act] = []
    private(set) var began: [EffectID] = []
    private(set) var finish: (outcome: RunOutcome, reason: String)?
    var now = Instant(milliseconds: 1_000_000)

    static let requester: PersonName = "ada"

    init(
        _ runbook: String,
        parameters: [String: Fact] = [:],
        requesterMayApprove: Bool = false,
        calling others: [String: String] = [:],
        at location: Testing.SourceLocation = #_sourceLocation
    ) throws {
        let checked = CheckedRunbook(
            path: "runbook.yaml",
            text: runbook,
            loader: RunbookLoader { path in others[path].map { SourceFile(path: path, text: $0) } }
        )
        let problems = checked.diagnostics.map { checked.file.render($0) }.joined(separator: "\n")
        self.binding = RunBinding(
            run: "r1",
            plan: try #require(checked.plan, "\(problems)", sourceLocation: location),
            parameters: parameters,
            inventory: .practice,
            requestedBy: Self.requester,
            requesterMayApprove: requesterMayApprove
        )
        self.machine = RunMachine(binding: self.binding)
    }

    init(binding: RunBinding) {
        self.binding = binding
        self.machine = RunMachine(binding: binding)
    }

    // MARK: Events

    /// Feeds one event and returns what is to be done, notes left out.
    @discardableResult
    mutating func send(_ event: RunEvent) throws -> [String] {
        self.events.append(event)
        self.now = max(self.now, event.moment)
        let effects = try self.machine.handle(event)
        for effect in effects {
            self.remember(effect)
        }
        return effects.compactMap { if case .note = $0 { nil } else { $0.line } }
    }

    private mutating func remember(_ effect: RunEffect) {
        switch effect {
        case .note(let note): self.notes.append(note)
        case .finish(let outcome, let reason): self.finish = (outcome, reason)
        case .closeGate(let key):
            self.open.removeAll { if case .openGate(let gate) = $0 { gate.step == key } else { false } }
        case .act(let act):
            self.acts.append(act)
            self.open.append(effect)
        case .observe, .probe, .inquire, .stop, .openGate, .tell: self.open.append(effect)
        }
    }

    /// Takes an effect from those that are open: it is about to be answered.
    mutating func close(_ effect: RunEffect) {
        if let index = self.open.firstIndex(of: effect) {
            self.open.remove(at: index)
        }
    }

    /// Lets the second of what is open be answered before the first.
    mutating func swapProbes() {
        self.open.swapAt(0, 1)
    }

    @discardableResult
    mutating func start() throws -> [String] {
        try self.send(.started(at: self.now))
    }

    @discardableResult
    mutating func clock(after span: Milliseconds) throws -> [String] {
        try self.send(.clockReached(at: self.now + span))
    }

    /// Lets the moment come that the machine waits for.
    @discardableResult
    mutating func wake(at location: Testing.SourceLocation = #_sourceLocation) throws -> [String] {
        let moment = try #require(self.machine.wakeAt, "nothing is waited for", sourceLocation: location)
        return try self.send(.clockReached(at: max(moment, self.now)))
    }

    /// Answers the oldest open probe; a target that is not named gives no facts.
    @discardableResult
    mutating func probed(
        _ facts: [NodeName: [String: Fact]],
        engine: [String: Fact]? = nil,
        at location: Testing.SourceLocation = #_sourceLocation
    ) throws -> [String] {
        let index = try #require(
            self.open.firstIndex { if case .probe = $0 { true } else { false } },
            "no probe is open",
            sourceLocation: location
        )
        guard case .probe(let request, let order) = self.open.remove(at: index) else {
            return []
        }
        var reports = order.targets.map {
            ProbeReport(target: $0, facts: facts[$0] ?? ["problem": .string("no answer")])
        }
        if let engine {
            reports.append(ProbeReport(target: nil, facts: engine))
        }
        return try self.send(.probed(request, reports: reports, at: self.now))
    }

    /// Answers the oldest open question for facts.
    @discardableResult
    mutating func observed(
        _ facts: [NodeName: [String: Fact]],
        at location: Testing.SourceLocation = #_sourceLocation
    ) throws -> [String] {
        let index = try #require(
            self.open.firstIndex { if case .observe = $0 { true } else { false } },
            "no facts were asked for",
            sourceLocation: location
        )
        guard case .observe(let request, let nodes) = self.open.remove(at: index) else {
            return []
        }
        let reports = nodes.map { ProbeReport(target: $0, facts: facts[$0] ?? [:]) }
        return try self.send(.observed(request, reports: reports, at: self.now))
    }

    private mutating func takeAct(on target: NodeName?, at location: Testing.SourceLocation) throws -> Act {
        let index = try #require(
            self.open.firstIndex {
                if case .act(let act) = $0 { target == nil || act.target == target } else { false }
            },
            "no command is to be sent",
            sourceLocation: location
        )
        guard case .act(let act) = self.open[index] else {
            throw ReplayError("not an act")
        }
        return act
    }

    /// Sends the oldest command that is to be sent.
    @discardableResult
    mutating func begin(
        on target: NodeName? = nil,
        at location: Testing.SourceLocation = #_sourceLocation
    ) throws -> Act {
        let act = try self.takeAct(on: target, at: location)
        self.open.removeAll { $0 == .act(act) }
        self.began.append(act.effect)
        try self.send(.began(act.effect, at: self.now))
        return act
    }

    /// Sends a command and lets it end.
    @discardableResult
    mutating func carryOut(
        _ ending: CommandReport.Ending = .exited(status: 0),
        on target: NodeName? = nil,
        output: String = "",
        at location: Testing.SourceLocation = #_sourceLocation
    ) throws -> [String] {
        let act = try self.begin(on: target, at: location)
        return try self.ended(act, ending, output: output)
    }

    @discardableResult
    mutating func ended(_ act: Act, _ ending: CommandReport.Ending, output: String = "") throws -> [String] {
        self.open.removeAll { $0 == .inquire(act) || $0 == .stop(act.effect) || $0 == .act(act) }
        return try self.send(.ended(act.effect, CommandReport(ending, standardOutput: output), at: self.now))
    }

    @discardableResult
    mutating func told(
        failing: [String] = [],
        at location: Testing.SourceLocation = #_sourceLocation
    ) throws -> [String] {
        let index = try #require(
            self.open.firstIndex { if case .tell = $0 { true } else { false } },
            "nothing is to be told",
            sourceLocation: location
        )
        guard case .tell(let notice) = self.open.remove(at: index) else {
            return []
        }
        let deliveries = notice.channels.map { Delivery(channel: $0, failure: failing.contains($0) ? "no route" : nil) }
        return try self.send(.told(notice.id, deliveries: deliveries, at: self.now))
    }

    @discardableResult
    mutating func vote(
        _ person: PersonName,
        _ decision: Vote.Decision = .granted,
        roles: [String] = ["sre"],
        digest: String? = nil,
        step: StepKey? = nil
    ) throws -> [String] {
        let gate = self.machine.openGates.first?.gate
        let vote = Vote(
            person: person,
            roles: roles,
            decision: decision,
            digest: digest ?? gate?.digest ?? "",
            comment: ""
        )
        return try self.send(.voted(step ?? gate?.step ?? "none", vote, at: self.now))
    }

    @discardableResult
    mutating func cancel() throws -> [String] {
        try self.send(.cancelRequested(by: "lin", because: "wrong cluster", at: self.now))
    }

    @discardableResult
    mutating func settle(_ step: StepKey, happened: Bool, target: NodeName? = nil) throws -> [String] {
        let settlement = Settlement(target: target, happened: happened, by: "lin", because: "I looked")
        return try self.send(.settled(step, settlement, at: self.now))
    }

    /// The engine dies and another one takes the run up: replays what was recorded, then says that it is there.
    @discardableResult
    mutating func restart(
        after away: Milliseconds = .zero,
        at location: Testing.SourceLocation = #_sourceLocation
    ) throws -> [String] {
        var replayed = RunMachine(binding: self.binding)
        for event in self.events {
            _ = try replayed.handle(event)
        }
        #expect(replayed == self.machine, "replay gives another state", sourceLocation: location)
        self.machine = replayed
        self.open = []
        return try self.send(.resumed(at: self.now + away))
    }

    // MARK: What is to be seen

    var openLines: [String] {
        self.open.map(\.line)
    }

    /// The outcomes of steps, in the order they were left.
    var left: [String] {
        self.notes.compactMap { note in
            if case .left(let key, let outcome, let reason) = note {
                "\(key) \(outcome.rawValue)\(reason.map { ": \($0)" } ?? "")"
            } else {
                nil
            }
        }
    }

    var ignored: [Ignored] {
        self.notes.compactMap { if case .ignored(let ignored) = $0 { ignored } else { nil } }
    }
}

extension RunEffect {
    /// The effect as a transcript has it; probes and acts without their request's number.
    var line: String {
        switch self {
        case .observe(_, let nodes): "observe \(nodes.map(\.text).joined(separator: " "))"
        case .probe(_, let order): "probe \(order.line)"
        case .act(let act): "act \(act.line)"
        case .inquire(let act): "inquire \(act.line)"
        case .stop: "stop"
        case .openGate(let gate): "ask \(gate.step) \(gate.needed): \(gate.message)"
        case .closeGate(let key): "close \(key)"
        case .tell(let notice): "tell \(notice.channels.joined(separator: " ")): \(notice.message)"
        case .note: "note"
        case .finish(let outcome, let reason): "finish \(outcome.rawValue)\(reason.isEmpty ? "" : ": \(reason)")"
        }
    }
}

extension ProbeOrder {
    var line: String {
        let question =
            switch self.question {
            case .tcp(let port): "tcp \(port)"
            case .http(let url, let port, let path): "http \(url ?? port ?? "")\(url == nil ? path : "")"
            case .zookeeper: "zookeeper"
            case .kafka: "kafka"
            case .tls(let question): "tls \(question.place)"
            case .prometheus(let question): "prometheus \(question.query)"
            case .dns(let question): "dns \(question.name)"
            case .jmx(let question): "jmx \(question.place)"
            case .ssh(let words): "ssh \(words.joined(separator: " "))"
            }
        let targets = self.targets.map(\.text).joined(separator: " ")
        return targets.isEmpty ? question : "\(question) on \(targets)"
    }
}

extension Act {
    var line: String {
        let attempt = self.attempt == 1 ? "" : " #\(self.attempt)"
        return "\(self.summary)\(self.target.map { " on \($0)" } ?? "")\(attempt)"
    }
}

extension Inventory {
    /// Three members of an ensemble and two brokers.
    static let practice: Inventory = {
        let members = (1...3).map { number in
            var node = Node(name: NodeName("zk\(number)"), host: "10.0.0.\(number)", roles: ["zookeeper"])
            node.id = number
            node.ports = ["client": 2181]
            node.dataFolder = "/var/lib/zookeeper"
            node.datacenter = number == 3 ? "south" : "north"
            return node
        }
        let brokers = (1...2).map { number in
            var node = Node(name: NodeName("b\(number)"), host: "10.0.1.\(number)", roles: ["kafka_broker"])
            node.ports = ["broker": 9092]
            return node
        }
        let services = ["zookeeper", "kafka"].map { name in
            Service(
                name: name,
                commands: ["start": [name, "start"], "stop": [name, "stop"], "status": [name, "status"]]
            )
        }
        return Inventory(clusterName: "lab", clusterID: "id-1", nodes: members + brokers, services: services)
    }()
}

/// A runbook with the selections `ensemble`, `brokers` and `none`, and these steps.
func runbook(_ steps: String, head: String = "") -> String {
    """
    runbook: mend
    \(head.isEmpty ? "" : head + "\n")targets:
      ensemble: { role: zookeeper }
      brokers: { role: kafka_broker }
      none: { role: nobody }
    steps:
    \(steps)

    """
}

/// Facts of members that serve or do not.
func serving(_ up: NodeName..., down: [NodeName] = []) -> [NodeName: [String: Fact]] {
    var facts: [NodeName: [String: Fact]] = [:]
    for node in up {
        facts[node] = ["answered": .bool(true), "serving": .bool(true), "open": .bool(true)]
    }
    for node in down {
        facts[node] = ["answered": .bool(false), "serving": .bool(false), "open": .bool(false)]
    }
    return facts
}
