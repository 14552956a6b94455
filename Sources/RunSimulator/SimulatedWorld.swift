// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// A pretend cluster with physics: elections, start times, replicas that catch up, faults that strike.
///
/// The world is a value and has no clock: whoever drives it says how far time has gone. Everything that takes a varying time is drawn
/// from one generator, so the same seed and the same treatment give the same world.
package struct SimulatedWorld: Sendable {
    /// What happened in the world, seen from nowhere: no probe told it, and the run does not know it.
    package struct Note: Hashable, Sendable {
        package var at: Instant
        package var text: String
        /// Data was lost or forked.
        package var isHarm: Bool
    }

    enum Change: Hashable, Sendable {
        case ensemble(Ensemble.Plan)
        case memberStarted(index: Int, life: Int)
        case brokerStarted(index: Int, life: Int)
        case brokerCaughtUp(index: Int, life: Int)
    }

    enum Place: Hashable, Sendable {
        case member(Int)
        case broker(Int)
        case host(Int)
    }

    package private(set) var now = Instant(milliseconds: 0)
    package let inventory: Inventory
    let cluster: Scenario.Cluster
    let durations: Scenario.Durations
    var generator: SplitMix64
    var ensemble: Ensemble
    var group: BrokerGroup
    var hosts: [PretendProcess]
    var mishaps: [Scenario.Mishap]
    let answers: [Scenario.Answer]
    private var queue = EventQueue<Change>()
    private var notes: [Note] = []

    package init(_ scenario: Scenario, seed: UInt64) {
        self.inventory = scenario.cluster.inventory
        self.cluster = scenario.cluster
        self.durations = scenario.durations
        self.generator = SplitMix64(seed: seed)
        self.ensemble = Ensemble(scenario.cluster)
        self.group = BrokerGroup(scenario.cluster)
        self.hosts = scenario.cluster.hosts.map { PretendProcess($0.process == .up ? .up : .down) }
        self.mishaps = scenario.mishaps
        self.answers = scenario.answers
        self.ensemble.begin()
        self.settle()
        self.notes = []
    }

    // MARK: Time

    /// When the world next changes by itself.
    package var nextMoment: Instant? {
        self.queue.nextMoment
    }

    /// Lets everything happen that is due by then.
    package mutating func advance(to moment: Instant) {
        while let next = self.queue.nextMoment, next <= moment, let due = self.queue.take() {
            self.now = max(self.now, due.moment)
            self.happen(due.event)
        }
        self.now = max(self.now, moment)
    }

    /// What happened since this was last asked, in order.
    package mutating func takeNotes() -> [Note] {
        defer { self.notes = [] }
        return self.notes
    }

    private mutating func happen(_ change: Change) {
        switch change {
        case .memberStarted(let index, let life):
            if self.ensemble.members[index].process.life == life {
                self.ensemble.members[index].process.enter(.up)
                self.note("\(self.ensemble.members[index].name) runs")
            }
        case .brokerStarted(let index, let life):
            if self.group.brokers[index].process.life == life {
                self.finishStart(ofBroker: index)
            }
        case .brokerCaughtUp(let index, let life):
            if self.group.brokers[index].process.life == life {
                self.group.brokers[index].isInSync = true
                self.note("\(self.group.brokers[index].name) has caught up: \(self.replicationText)")
            }
        case .ensemble(let plan):
            var (notes, harms): ([String], [String]) = ([], [])
            switch plan {
            case .election(let round): self.ensemble.elect(round: round, &notes, &harms)
            case .join(let index, let life, let term):
                self.ensemble.join(index, life: life, term: term, &notes, &harms)
            }
            self.record(notes, harms)
        }
        self.settle()
    }

    private mutating func finishStart(ofBroker index: Int) {
        let name = self.group.brokers[index].name
        guard self.cluster.members.isEmpty || self.ensemble.hasQuorum else {
            self.group.brokers[index].process.enter(.down)
            self.note("\(name) gives up: ZooKeeper has no quorum")
            return
        }
        guard self.controllers.isEmpty || self.controllers.leader(self.hosts) != nil else {
            self.group.brokers[index].process.enter(.down)
            self.note("\(name) gives up: the controllers have no leader")
            return
        }
        self.group.brokers[index].process.enter(.up)
        self.note("\(name) takes connections: \(self.replicationText)")
        let change = Change.brokerCaughtUp(index: index, life: self.group.brokers[index].process.life)
        self.plan(change, after: self.durations.catchUp)
    }

    private var replicationText: String {
        let health = self.group.health
        return "\(health.underReplicated) partitions under-replicated, \(health.offline) offline"
    }

    // MARK: Consequences

    mutating func plan(_ change: Change, after range: ClosedRange<Milliseconds>) {
        self.queue.add(change, at: self.now + self.generator.length(in: range))
    }

    mutating func note(_ text: String) {
        self.notes.append(Note(at: self.now, text: text, isHarm: false))
    }

    /// Draws the consequences of a change of processes or wires.
    mutating func settle() {
        var notes: [String] = []
        for plan in self.ensemble.settle(&notes) {
            self.plan(.ensemble(plan), after: self.durations.election)
        }
        self.record(notes, [])
    }

    private mutating func record(_ notes: [String], _ harms: [String]) {
        self.notes += notes.map { Note(at: self.now, text: $0, isHarm: false) }
        self.notes += harms.map { Note(at: self.now, text: $0, isHarm: true) }
    }

    // MARK: Processes

    func place(of node: NodeName) -> Place? {
        if let index = self.ensemble.members.firstIndex(where: { $0.name == node }) {
            return .member(index)
        }
        if let index = self.group.brokers.firstIndex(where: { $0.name == node }) {
            return .broker(index)
        }
        return self.cluster.hosts.firstIndex { $0.name == node }.map { .host($0) }
    }

    func process(at place: Place) -> PretendProcess {
        switch place {
        case .member(let index): self.ensemble.members[index].process
        case .broker(let index): self.group.brokers[index].process
        case .host(let index): self.hosts[index]
        }
    }

    mutating func change(_ place: Place, _ body: (inout PretendProcess) -> Void) {
        switch place {
        case .member(let index): body(&self.ensemble.members[index].process)
        case .broker(let index): body(&self.group.brokers[index].process)
        case .host(let index): body(&self.hosts[index])
        }
    }

    mutating func start(_ place: Place) {
        guard self.process(at: place).phase == .down else {
            return
        }
        self.change(place) { $0.enter(.starting) }
        let life = self.process(at: place).life
        switch place {
        case .member(let index):
            self.plan(.memberStarted(index: index, life: life), after: self.durations.startMember)
        case .broker(let index):
            self.plan(.brokerStarted(index: index, life: life), after: self.durations.startBroker)
        // What it is the world does not know; its command takes as long as it takes.
        case .host: self.change(place) { $0.enter(.up) }
        }
    }

    mutating func stop(_ place: Place) {
        self.change(place) { $0.enter(.down) }
        if case .broker(let index) = place {
            self.group.brokers[index].isInSync = false
        }
    }

    mutating func wipe(_ place: Place) {
        self.stop(place)
        if case .member(let index) = place {
            self.ensemble.members[index].tree = nil
        }
    }

    // MARK: Faults

    package mutating func strike(_ kind: Scenario.FaultKind, _ nodes: [NodeName]) {
        for place in nodes.compactMap({ self.place(of: $0) }) {
            switch kind {
            case .kill: self.stop(place)
            case .wipe: self.wipe(place)
            case .cut: self.change(place) { $0.isCut = true }
            case .hang: self.change(place) { $0.isFrozen = $0.phase == .up }
            case .heal:
                self.change(place) {
                    $0.isCut = false
                    $0.isFrozen = false
                }
            case .start: self.start(place)
            }
        }
        self.settle()
    }
}

extension Scenario.Cluster {
    /// The configuration that such a cluster would have.
    package var inventory: Inventory {
        let members = self.members.enumerated().map { index, member in
            var node = Node(name: member.name, host: member.name.text, roles: ["zookeeper"])
            node.id = index + 1
            node.isVoter = member.isVoter
            node.datacenter = member.datacenter
            node.ports = ["client": 2181, "admin": 8080]
            node.dataFolder = "/var/lib/zookeeper"
            node.monitor = .zookeeper(ask: [.srvr])
            return node
        }
        let brokers = self.brokers.enumerated().map { index, broker in
            var node = Node(name: broker.name, host: broker.name.text, roles: ["kafka_broker"])
            node.id = index + 1
            node.datacenter = broker.datacenter
            node.ports = ["broker": 9092]
            node.dataFolder = "/var/lib/kafka"
            node.monitor = .tcp(port: "broker")
            return node
        }
        let controllers = ControllerQuorum(self)
        let hosts = self.hosts.enumerated().map { index, host in
            var node = Node(name: host.name, host: host.name.text, roles: host.roles)
            node.datacenter = host.datacenter
            if controllers.isMember(index) {
                node.id = controllers.id(of: index)
                node.ports = ["main": 9093]
                node.dataFolder = "/var/lib/kafka"
                node.monitor = .tcp(port: "main")
            }
            return node
        }
        var services = ["zookeeper", "kafka"]
        for service in self.hosts.compactMap(\.service) where !services.contains(service) {
            services.append(service)
        }
        return Inventory(
            clusterName: self.name,
            clusterID: self.id,
            nodes: members + brokers + hosts,
            services: services.map { service in
                let verbs = ServiceVerb.allCases.map { ($0.rawValue, ["systemctl", $0.rawValue, service]) }
                return Service(name: service, commands: Dictionary(uniqueKeysWithValues: verbs))
            }
        )
    }
}
