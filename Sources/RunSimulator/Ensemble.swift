// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

/// A pretend ZooKeeper ensemble: who runs, who leads, and whose data survives whom.
///
/// The rules are those that experiments with real servers showed:
/// - an election needs a majority of the voters, and takes the highest (epoch, zxid, id) among those that take part;
/// - an empty member votes like any other, so that two empty members of three can begin a history of their own at a low epoch;
/// - who joins a leader takes over the leader's data whatever it had itself, unless its own epoch is higher than the leader's: then it
///   does not get in, and its disk is left alone.
///
/// The ensemble neither waits nor draws: ``SimulatedWorld`` tells it when an election is over or a join is done.
struct Ensemble: Hashable, Sendable {
    /// What a member holds on its disk.
    struct Tree: Hashable, Sendable {
        var epoch: Int64
        var zxid: Int64
        /// Which beginning it goes back to: zero is the one everybody's data is in.
        var history: Int
        /// The last transaction of the scenario's beginning that it contains.
        var content: Int64

        static let original = 0
    }

    enum Role: Hashable, Sendable {
        case looking
        case leading
        case following
    }

    struct Member: Hashable, Sendable {
        let name: NodeName
        let id: Int
        let isVoter: Bool
        var process: PretendProcess
        var tree: Tree?
        var role = Role.looking
        /// A join under way or refused is not begun again for the same leader.
        var triedTerm: Int?
    }

    /// What ought to be planned next, as the world's clock is not here.
    enum Plan: Hashable, Sendable {
        case election(round: Int)
        case join(index: Int, life: Int, term: Int)
    }

    var members: [Member]
    private let znodes: Int
    private var round = 0
    private var isElecting = false
    /// Counts leaders, so that a join that was planned under another one is dropped.
    private var term = 0
    private var histories = 0

    init(_ cluster: Scenario.Cluster) {
        self.znodes = cluster.znodes
        self.members = cluster.members.enumerated().map { index, member in
            let zxid = member.zxid ?? member.epoch << 32 | (member.holding == .stale ? 100 : 120)
            return Member(
                name: member.name,
                id: index + 1,
                isVoter: member.isVoter,
                process: PretendProcess(member.process == .up ? .up : .down),
                tree: member.holding == .lost
                    ? nil : Tree(epoch: member.epoch, zxid: zxid, history: Tree.original, content: zxid)
            )
        }
    }

    var leader: Int? {
        self.members.firstIndex { $0.role == .leading }
    }

    var hasQuorum: Bool {
        self.leader != nil
    }

    private var needed: Int {
        self.members.count { $0.isVoter } / 2 + 1
    }

    func isServing(_ index: Int) -> Bool {
        self.members[index].process.isLively && self.members[index].role != .looking
    }

    func znodeCount(of tree: Tree) -> Int {
        tree.history == Tree.original ? self.znodes : Scenario.Cluster.emptyTree
    }

    // MARK: Change

    /// Puts a leader in place without a vote: what runs when the scenario begins has long been running.
    mutating func begin() {
        let electors = self.electors
        guard electors.count >= self.needed, let winner = electors.max(by: { self.vote(of: $0) < self.vote(of: $1) }),
            let tree = self.members[winner].tree
        else {
            return
        }
        self.term += 1
        for index in self.members.indices where self.members[index].process.isLively {
            self.members[index].tree = tree
            self.members[index].role = index == winner ? .leading : .following
        }
    }

    /// Draws the consequences of a change of processes and wires.
    mutating func settle(_ notes: inout [String]) -> [Plan] {
        for index in self.members.indices where !self.members[index].process.isLively {
            self.members[index].role = .looking
            self.members[index].triedTerm = nil
        }
        self.dropLeaderWithoutMajority(&notes)
        guard let leader = self.leader else {
            return self.planElection()
        }
        return self.planJoins(leader)
    }

    private mutating func dropLeaderWithoutMajority(_ notes: inout [String]) {
        let following = self.members.count { $0.isVoter && $0.role == .following }
        let isLed = self.leader != nil
        guard isLed || self.members.contains(where: { $0.role == .following }) else {
            return
        }
        guard !isLed || following + 1 < self.needed else {
            return
        }
        for index in self.members.indices {
            self.members[index].role = .looking
            self.members[index].triedTerm = nil
        }
        notes.append("the ensemble has no leader any more")
    }

    private mutating func planElection() -> [Plan] {
        guard self.electors.count >= self.needed else {
            self.isElecting = false
            return []
        }
        guard !self.isElecting else {
            return []
        }
        self.isElecting = true
        self.round += 1
        return [.election(round: self.round)]
    }

    private var electors: [Int] {
        self.members.indices.filter { self.members[$0].isVoter && self.members[$0].process.isLively }
    }

    private mutating func planJoins(_ leader: Int) -> [Plan] {
        self.members.indices.compactMap { index in
            let member = self.members[index]
            guard member.process.isLively, member.role == .looking, member.triedTerm != self.term else {
                return nil
            }
            self.members[index].triedTerm = self.term
            return .join(index: index, life: member.process.life, term: self.term)
        }
    }

    /// Ends a round of voting.
    mutating func elect(round: Int, _ notes: inout [String], _ harms: inout [String]) {
        guard self.isElecting, round == self.round, self.leader == nil else {
            return
        }
        self.isElecting = false
        let electors = self.electors
        guard electors.count >= self.needed, let winner = electors.max(by: { self.vote(of: $0) < self.vote(of: $1) })
        else {
            return
        }
        let epoch = (electors.compactMap { self.members[$0].tree?.epoch }.max() ?? 0) + 1
        var tree = self.members[winner].tree ?? self.newHistory(at: winner, &harms)
        tree.epoch = epoch
        tree.zxid = epoch << 32
        self.term += 1
        self.members[winner].tree = tree
        self.members[winner].role = .leading
        let name = self.members[winner].name
        notes.append("\(name) is elected leader, epoch \(epoch), \(self.znodeCount(of: tree)) znodes")
        for index in electors where index != winner {
            self.takeOver(tree, from: winner, at: index, &harms)
        }
    }

    private func vote(of index: Int) -> (Int64, Int64, Int) {
        let tree = self.members[index].tree
        return (tree?.epoch ?? 0, tree?.zxid ?? 0, self.members[index].id)
    }

    /// Ends a member's attempt to follow the leader.
    mutating func join(_ index: Int, life: Int, term: Int, _ notes: inout [String], _ harms: inout [String]) {
        guard
            term == self.term, let leader = self.leader, let tree = self.members[leader].tree,
            self.members[index].process.life == life, self.members[index].process.isLively,
            self.members[index].role == .looking
        else {
            return
        }
        let name = self.members[index].name
        if let own = self.members[index].tree, own.epoch > tree.epoch {
            notes.append(
                "\(name) cannot follow \(self.members[leader].name): its epoch \(own.epoch) is above \(tree.epoch)"
            )
            return
        }
        self.takeOver(tree, from: leader, at: index, &harms)
        notes.append("\(name) follows \(self.members[leader].name) with \(self.znodeCount(of: tree)) znodes")
    }

    // MARK: Loss

    private mutating func newHistory(at winner: Int, _ harms: inout [String]) -> Tree {
        self.histories += 1
        let holders = self.members.filter { $0.tree?.history == Tree.original }.map(\.name.text)
        if !holders.isEmpty {
            harms.append(
                "\(self.members[winner].name) begins an empty history and serves it, while "
                    + "\(holders.joined(separator: ", ")) still holds \(self.znodes) znodes"
            )
        }
        return Tree(epoch: 0, zxid: 0, history: self.histories, content: 0)
    }

    private mutating func takeOver(_ tree: Tree, from leader: Int, at index: Int, _ harms: inout [String]) {
        let own = self.members[index].tree
        let name = self.members[index].name
        self.members[index].tree = tree
        self.members[index].role = .following
        guard let own, own.history == Tree.original else {
            return
        }
        if tree.history != own.history {
            let lost = self.znodes
            harms.append(
                "\(name) is cut back to the empty history of \(self.members[leader].name): \(lost) znodes gone"
            )
            if !self.members.contains(where: { $0.tree?.history == Tree.original }) {
                harms.append("the znodes of the ensemble are gone: no member holds them any more")
            }
        } else if tree.content < own.content {
            harms.append(
                "\(name) is cut back to the older data of \(self.members[leader].name): "
                    + "\(own.content - tree.content) transactions gone"
            )
        }
    }
}
