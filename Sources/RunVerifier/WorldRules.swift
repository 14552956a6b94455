// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// The physics of one inventory: what can happen in it by itself, by bad luck and by our acts.
struct WorldRules: Sendable {
    enum Kind: Hashable, Sendable {
        case member
        case broker
        case host
    }

    enum Fault: UInt8, Hashable, Sendable, CaseIterable {
        case dies
        case losesItsData
        case isCutOff
        case isBack
        case isStartedByOthers
    }

    /// What the world does by itself, sooner or later.
    enum Progress: Hashable, Sendable {
        case starts(Int)
        case election
        case joins(Int)
        case catchesUp(Int)
    }

    let inventory: Inventory
    let kinds: [Kind]
    let members: [Int]
    let brokers: [Int]
    /// Hosts that are KRaft controllers: whether one serves depends on the others.
    let controllers: [Int]
    private let voters: [Int]
    private let indices: [NodeName: Int]

    init(_ inventory: Inventory) {
        self.inventory = inventory
        let kinds = inventory.nodes.map { node -> Kind in
            if node.roles.contains("zookeeper") { return .member }
            return node.roles.contains("kafka_broker") ? .broker : .host
        }
        self.kinds = kinds
        self.members = kinds.indices.filter { kinds[$0] == .member }
        self.brokers = kinds.indices.filter { kinds[$0] == .broker }
        self.controllers = kinds.indices.filter { inventory.nodes[$0].roles.contains("kraft_controller") }
        self.voters = kinds.indices.filter { kinds[$0] == .member && inventory.nodes[$0].isVoter }
        self.indices = Dictionary(uniqueKeysWithValues: inventory.nodes.enumerated().map { ($1.name, $0) })
    }

    /// Whether it can make a difference to brokers who leads.
    func isBrokerStarting(_ world: AbstractWorld) -> Bool {
        self.brokers.contains { world[$0].phase == .starting }
    }

    func index(of node: NodeName) -> Int? {
        self.indices[node]
    }

    func name(_ index: Int) -> NodeName {
        self.inventory.nodes[index].name
    }

    var needed: Int {
        Inventory.quorum(voters: self.voters.count)
    }

    func isVoter(_ index: Int) -> Bool {
        self.voters.contains(index)
    }

    // MARK: Beginning

    /// A world in which everything that can serve has long been serving; nothing when the beginnings contradict each other.
    func world(_ beginnings: [Assumptions.Beginning]) -> AbstractWorld? {
        var world = AbstractWorld()
        for (index, beginning) in beginnings.enumerated() {
            var node = NodeState()
            node.phase = beginning == .up || beginning == .cut ? .up : .down
            node.isCut = beginning == .cut
            node.holdsData = self.kinds[index] == .member ? beginning != .lost : node.isLively
            if self.kinds[index] == .member, node.holdsData {
                node.epoch = 1
                node.content = beginning == .behind ? 1 : 2
            }
            world[index] = node
        }
        // What was written last is on a majority, unless disks were lost since.
        let behind = self.voters.count { beginnings[$0] == .behind }
        guard self.voters.isEmpty || behind <= self.voters.count - self.needed else {
            return nil
        }
        let electors = self.electors(world)
        if electors.count >= self.needed, let winner = electors.max(by: { self.vote($0, world) < self.vote($1, world) })
        {
            for index in self.members where world[index].isLively {
                world[index].role = index == winner ? .leading : .following
            }
        }
        return world
    }

    // MARK: By itself

    func progress(_ world: AbstractWorld) -> [Progress] {
        var all: [Progress] = []
        for index in self.kinds.indices where world[index].phase == .starting {
            all.append(.starts(index))
        }
        if let leader = self.leader(world) {
            for index in self.members where world[index].isLively && world[index].role == .looking {
                let isAbove = world[index].holdsData && world[index].epoch > world[leader].epoch
                if !isAbove {
                    all.append(.joins(index))
                }
            }
        } else if self.electors(world).count >= self.needed, !self.voters.isEmpty {
            all.append(.election)
        }
        for index in self.brokers where world[index].isLively && !world[index].holdsData {
            all.append(.catchesUp(index))
        }
        return all
    }

    func happen(_ progress: Progress, in world: inout AbstractWorld) {
        switch progress {
        case .starts(let index):
            // A broker that starts without a quorum gives up.
            let mayRun = self.kinds[index] != .broker || self.hasLeaders(world)
            world[index].phase = mayRun ? .up : .down
            world[index].isDownByUs = mayRun ? false : world[index].isDownByUs
        case .election: self.elect(&world)
        case .joins(let index):
            if let leader = self.leader(world) {
                self.takeOver(from: leader, at: index, &world, byUs: world[leader].isEmptyByUs)
            }
        case .catchesUp(let index): world[index].holdsData = true
        }
        self.settle(&world)
    }

    func leader(_ world: AbstractWorld) -> Int? {
        self.members.first { world[$0].role == .leading }
    }

    /// Whether a broker that starts finds whom it registers with: ZooKeeper, KRaft controllers, or what is not part of this world.
    private func hasLeaders(_ world: AbstractWorld) -> Bool {
        (self.members.isEmpty || self.leader(world) != nil)
            && (self.controllers.isEmpty || self.leadingController(world) != nil)
    }

    private func electors(_ world: AbstractWorld) -> [Int] {
        self.voters.filter { world[$0].isLively }
    }

    private func vote(_ index: Int, _ world: AbstractWorld) -> Int {
        let node = world[index]
        return node.holdsData ? (Int(node.epoch) + 1) << 16 | Int(node.content) << 8 | index : index
    }

    private func elect(_ world: inout AbstractWorld) {
        let electors = self.electors(world)
        guard let winner = electors.max(by: { self.vote($0, world) < self.vote($1, world) }) else {
            return
        }
        let byUs = electors.contains { world[$0].isEmptyByUs }
        let epoch = (electors.map { world[$0].epoch }.max() ?? 0) + 1
        if !world[winner].holdsData {
            let isFork = self.members.contains { world[$0].holdsData && !world[$0].isForked }
            world[winner].holdsData = true
            world[winner].isForked = true
            world[winner].content = 0
            world[winner].isHarmedByUs = world[winner].isHarmedByUs || isFork && byUs
        }
        world[winner].epoch = epoch
        world[winner].role = .leading
        for index in electors where index != winner {
            self.takeOver(from: winner, at: index, &world, byUs: byUs)
        }
    }

    private func takeOver(from leader: Int, at index: Int, _ world: inout AbstractWorld, byUs: Bool) {
        let (tree, own) = (world[leader], world[index])
        let isCutBack = own.holdsData && !own.isForked && (tree.isForked || tree.content < own.content)
        var node = own
        node.holdsData = true
        node.isForked = tree.isForked
        node.epoch = tree.epoch
        node.content = tree.content
        node.role = .following
        node.isHarmedByUs = own.isHarmedByUs || isCutBack && byUs
        world[index] = node
    }

    /// Who died looks for a leader again; a leader without a majority is none.
    func settle(_ world: inout AbstractWorld) {
        for index in self.members where !world[index].isLively {
            world[index].role = .looking
        }
        let isLed = self.leader(world) != nil
        let following = self.voters.count { world[$0].role == .following }
        if !isLed || following + 1 < self.needed {
            for index in self.members {
                world[index].role = .looking
            }
        }
    }

    // MARK: By bad luck

    func faults(at index: Int, in world: AbstractWorld) -> [Fault] {
        let node = world[index]
        var all: [Fault] = []
        if node.phase != .down {
            all.append(.dies)
        }
        if self.kinds[index] == .member, node.holdsData {
            all.append(.losesItsData)
        }
        all.append(node.isCut ? .isBack : .isCutOff)
        if node.phase == .down, self.kinds[index] != .host {
            all.append(.isStartedByOthers)
        }
        return all
    }

    func strike(_ fault: Fault, at index: Int, in world: inout AbstractWorld) {
        switch fault {
        case .dies: self.stop(index, &world)
        case .losesItsData:
            self.stop(index, &world)
            world[index].empty()
        case .isCutOff: world[index].isCut = true
        case .isBack: world[index].isCut = false
        case .isStartedByOthers: world[index].phase = .starting
        }
        self.settle(&world)
    }

    private func stop(_ index: Int, _ world: inout AbstractWorld) {
        world[index].phase = .down
        if self.kinds[index] == .broker {
            world[index].holdsData = false
        }
    }

    // MARK: By our acts

    func complete(_ effect: EffectClass, at index: Int, in world: inout AbstractWorld) {
        switch effect {
        case .starts: self.start(index, &world)
        case .stops: self.stopByUs(index, &world)
        case .restarts:
            self.stopByUs(index, &world)
            self.settle(&world)
            self.start(index, &world)
        case .wipes:
            self.stopByUs(index, &world)
            world[index].empty()
        case .reads, .movesData, .promotes, .fences, .changes: break
        }
        self.settle(&world)
    }

    private func start(_ index: Int, _ world: inout AbstractWorld) {
        guard world[index].phase == .down else {
            return
        }
        world[index].phase = .starting
        world[index].isEmptyByUs = self.kinds[index] == .member && !world[index].holdsData
    }

    private func stopByUs(_ index: Int, _ world: inout AbstractWorld) {
        world[index].isDownByUs = world[index].isDownByUs || world[index].phase != .down
        self.stop(index, &world)
    }

    // MARK: What depends on what

    /// The nodes whose state can make a difference to whoever looks at, or acts on, `nodes`, as long as no broker starts.
    ///
    /// A broker that starts needs a leader, so that the members make a difference to it. To one that runs, stops or is down they make none.
    func neighbours(of nodes: [Int]) -> [Int] {
        var all = Set(nodes.filter { self.kinds[$0] == .host })
        if nodes.contains(where: { self.kinds[$0] == .member }) {
            all.formUnion(self.members)
        }
        if nodes.contains(where: { self.kinds[$0] == .broker }) {
            all.formUnion(self.brokers)
        }
        // A broker that starts needs the controllers, and is asked who leads them.
        if nodes.contains(where: { self.kinds[$0] == .broker || self.controllers.contains($0) }) {
            all.formUnion(self.controllers)
        }
        return all.sorted()
    }
}
