// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import Foundation
internal import Glibc
internal import ProbeZooKeeper

extension PracticeCluster {
    /// How long a killed process may take to be gone, and a stopped one to stand still.
    static let signalPatience: Duration = .seconds(30)

    /// Breaks the cluster in one way, now, and remembers it.
    ///
    /// Whoever is broken already is broken again: killing the dead does nothing and is recorded as that. Unless members
    /// are named, those with the highest numbers are taken, and for ``BreakMode/hang`` the leader. `moment` is the time
    /// stamp that is remembered.
    @discardableResult
    package func breakNow(
        _ mode: BreakMode,
        members names: [String]? = nil,
        at moment: Date = Date()
    ) async throws(PracticeClusterError) -> Break {
        let victims = try await self.victims(of: mode, named: names)
        var acts: [String] = []
        switch mode {
        case .member, .quorum:
            acts = try await self.kill(victims)
        case .data:
            acts = try await self.kill(victims)
            acts += try self.wipe(victims)
        case .blackout:
            acts = try await self.kill(self.members)
            acts += try self.wipe(victims)
        case .cut:
            acts = try await Concurrently.map(victims) { (host) async throws(PracticeClusterError) in
                try await Blocking.run { () throws(PracticeClusterError) in
                    try NetworkCut(layout: self.layout, record: self.record, host: host).make()
                }
            }
        case .hang:
            acts = try await self.freeze(victims)
        case .disk:
            acts = try await self.kill(victims)
            for victim in victims {
                acts.append(try self.disk(of: victim).spoilSnapshots())
            }
        case .tornLog:
            acts = try await self.kill(victims)
            for victim in victims {
                acts.append(try self.disk(of: victim).tearNewestLog())
            }
        }
        let entry = Break(at: moment, mode: mode.rawValue, hosts: victims.map(\.name), acts: acts)
        try LabRecord.update(in: self.layout) { $0.breaks.append(entry) }
        return entry
    }

    private func victims(
        of mode: BreakMode,
        named names: [String]?
    ) async throws(PracticeClusterError) -> [LabRecord.Host] {
        if let names {
            guard !names.isEmpty else {
                throw PracticeClusterError(.badOption, "name at least one member to break, or none to have them chosen")
            }
            var victims: [LabRecord.Host] = []
            for name in names {
                let member = try self.member(name)
                if !victims.contains(member) {
                    victims.append(member)
                }
            }
            return victims
        }
        if mode == .hang, let leader = await self.leader() {
            return [leader]
        }
        return Array(self.members.suffix(mode.victims(of: self.members.count)))
    }

    func leader() async -> LabRecord.Host? {
        for member in self.members where await self.client(of: member).ask().mode == .leader {
            return member
        }
        return nil
    }

    private func kill(_ hosts: [LabRecord.Host]) async throws(PracticeClusterError) -> [String] {
        try await Concurrently.map(hosts) { (host) async throws(PracticeClusterError) in
            guard let process = self.process(.zookeeper, on: host.name), process.state != .down else {
                return "\(host.name) was down already"
            }
            return try await Blocking.run { () throws(PracticeClusterError) in
                process.send(SIGKILL)
                guard process.waitUntilGone(until: .now + Self.signalPatience) else {
                    throw PracticeClusterError(.leftovers, "\(host.name) (pid \(process.pid)) does not die")
                }
                return "killed \(host.name) (pid \(process.pid))"
            }
        }
    }

    private func freeze(_ hosts: [LabRecord.Host]) async throws(PracticeClusterError) -> [String] {
        try await Concurrently.map(hosts) { (host) async throws(PracticeClusterError) in
            guard let process = self.process(.zookeeper, on: host.name), process.state != .down else {
                return "\(host.name) was down already"
            }
            return try await Blocking.run { () throws(PracticeClusterError) in
                process.send(SIGSTOP)
                guard process.waitUntilFrozen(until: .now + Self.signalPatience) else {
                    throw PracticeClusterError(.timedOut, "\(host.name) (pid \(process.pid)) does not stand still")
                }
                return "froze \(host.name) (pid \(process.pid))"
            }
        }
    }

    private func wipe(_ hosts: [LabRecord.Host]) throws(PracticeClusterError) -> [String] {
        var acts: [String] = []
        for host in hosts {
            acts.append(try self.disk(of: host).wipe())
        }
        return acts
    }

    func disk(of host: LabRecord.Host) -> MemberDisk {
        let folder = self.layout.host(host.name)
        return MemberDisk(
            name: host.name,
            dataFolder: folder.data,
            logFolder: self.record.separatesLogs ? folder.separateLogs : folder.data
        )
    }
}
