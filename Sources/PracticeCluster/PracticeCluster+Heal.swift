// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import Foundation
internal import Glibc
internal import ProbeZooKeeper

extension PracticeCluster {
    /// Undoes whatever was broken, in the order that keeps the data.
    ///
    /// This is the plain restore for tests and for practising again, not a runbook. Frozen processes go on; members that
    /// hold data start first; then those without, emptied of whatever is spoiled, one by one. A tree that is lost on all
    /// members cannot be healed: that ends at the limit, with an error that says so.
    @discardableResult
    package func heal(
        within limit: Duration = .seconds(120),
        at moment: Date = Date()
    ) async throws(PracticeClusterError) -> Break {
        var acts = try await self.thaw()
        let down = self.members.filter { self.process(.zookeeper, on: $0.name)?.state ?? .down == .down }
        let (holders, others) = try await self.split(down)
        try await self.require(.zookeeper, "start", on: holders)
        acts += holders.map { "started \($0.name)" }
        // Whoever holds data is up and takes part in the election before anybody empty can.
        try await self.waitUntilAnswering(self.members.filter { !others.contains($0) }, within: limit)
        for (index, member) in others.enumerated() {
            // What is left is no good: spoiled snapshots, or epochs of -1 from a start as an empty member.
            acts.append(try self.disk(of: member).wipe())
            try self.markNewDisk(of: member)
            try await self.require(.zookeeper, "start", on: member.name)
            acts.append("started \(member.name) to copy the others' data")
            // As long as the empty ones are fewer than a majority, every quorum has a holder of the data in it. So the
            // ones beyond that wait until there is a quorum, which then decides for them.
            if self.members.count - others.count + index + 1 >= self.record.majority {
                try await self.waitUntilAnswering([member], serving: true, within: limit)
            }
        }
        for service in [Service.sshd, .kafka] {
            let hosts = (service == .sshd ? self.record.hosts : self.brokers).filter { host in
                self.process(service, on: host.name)?.state ?? .down == .down
            }
            try await self.require(service, "start", on: hosts)
            acts += hosts.map { "started \(service.rawValue) on \($0.name)" }
        }
        try await self.waitUntilHealthy(within: limit)
        let entry = Break(at: moment, mode: "heal", hosts: [], acts: acts)
        try LabRecord.update(in: self.layout) { $0.breaks.append(entry) }
        return entry
    }

    /// Wakes every frozen process of the lab.
    private func thaw() async throws(PracticeClusterError) -> [String] {
        try await Blocking.run { () throws(PracticeClusterError) in
            var acts: [String] = []
            for host in self.record.hosts {
                let folder = self.layout.host(host.name)
                let known = folder.recordedProcesses
                let frozen = ProcessTable.read()
                    .ofLab(self.layout, host: host.name, known: known)
                    .filter(\.isFrozen)
                    .map(\.identity)
                if let listener = self.process(.sshd, on: host.name), frozen.contains(listener) {
                    try self.replaceListener(listener, of: folder, leaving: frozen)
                }
                for process in frozen {
                    process.send(SIGCONT)
                }
                if !frozen.isEmpty {
                    acts.append("woke \(frozen.count) processes of \(host.name)")
                }
            }
            return acts
        }
    }

    /// Ends an SSH server whose queue a cut has filled, so that it is started anew.
    ///
    /// Each of those connections, which nobody waits for, would cost it a fork. The logins that it serves live on without
    /// it, and are written down because nothing else would tell that they belong to the lab.
    private func replaceListener(
        _ listener: ProcessIdentity,
        of folder: HostLayout,
        leaving frozen: [ProcessIdentity]
    ) throws(PracticeClusterError) {
        let orphans = Set(folder.recordedProcesses + frozen).filter { $0 != listener && $0.state != .down }
        let lines = orphans.sorted { $0.pid < $1.pid }.map(\.line)
        try Files.replace(folder.orphans, with: Array(lines.joined().utf8))
        listener.send(SIGKILL)
        guard listener.waitUntilGone(until: .now + Self.signalPatience) else {
            throw PracticeClusterError(.leftovers, "the SSH server (pid \(listener.pid)) does not die")
        }
    }

    /// Those whose files are good for a start, and those that have to get the data from others.
    private func split(
        _ hosts: [LabRecord.Host]
    ) async throws(PracticeClusterError) -> (holders: [LabRecord.Host], others: [LabRecord.Host]) {
        var holders: [LabRecord.Host] = []
        var others: [LabRecord.Host] = []
        for host in hosts {
            switch try await self.disk(of: host).look().verdict {
            case .intact: holders.append(host)
            case .lost, .damaged: others.append(host)
            case .unknown(let reason):
                throw PracticeClusterError(.file, "the disk of \(host.name) cannot be judged: \(reason)")
            }
        }
        return (holders, others)
    }

    /// A member that must not create its database by itself is told that it may, this once.
    private func markNewDisk(of member: LabRecord.Host) throws(PracticeClusterError) {
        guard self.record.createsMissingDatabase == false else {
            return
        }
        try Files.write("\(self.disk(of: member).logFolder)/initialize", "")
    }

    /// Waits until each member says something, if only that it has no quorum; or until it serves.
    func waitUntilAnswering(
        _ hosts: [LabRecord.Host],
        serving: Bool = false,
        within limit: Duration
    ) async throws(PracticeClusterError) {
        for host in hosts {
            try await Waiting.until("\(host.name) answers", within: limit) { () async -> Waiting.Look in
                let answer = await self.client(of: host).ask()
                return answer.isServing || (answer == .notServing && !serving) ? .done : .notYet(answer.description)
            }
        }
    }

    package func waitUntilHealthy(within limit: Duration) async throws(PracticeClusterError) {
        try await Waiting.until("the practice cluster is healthy", within: limit) { () async -> Waiting.Look in
            do throws(PracticeClusterError) {
                let status = try await self.status(includingDisks: false)
                return status.isHealthy ? .done : .notYet(status.sentence)
            } catch {
                return .notYet(error.message)
            }
        }
    }
}
