// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Glibc

extension PracticeCluster {
    /// Builds a cluster and returns when it serves its znodes.
    ///
    /// What was begun is taken down again when anything fails, and when the task is cancelled. `progress` is told one
    /// line for each thing that was reached.
    package static func up(
        _ options: LabOptions,
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws(PracticeClusterError) -> PracticeCluster {
        try options.validate()
        let programs = try options.programs.resolved()
        let layout = Layout(folder: options.folder)
        try layout.claim()
        do throws(PracticeClusterError) {
            return try await Self.build(options, programs: programs, layout: layout, progress: progress)
        } catch {
            // The reason for the failure matters more than a failure to clean up after it.
            _ = try? await Self.down(folder: options.folder)
            throw error
        }
    }

    private static func build(
        _ options: LabOptions,
        programs: Programs,
        layout: Layout,
        progress: @escaping @Sendable (String) -> Void
    ) async throws(PracticeClusterError) -> PracticeCluster {
        var record = try Self.plan(options)
        progress("hosts on 127.0.\(record.network).x, everything in \(layout.folder)")
        let texts = HostConfiguration(layout: layout, options: options, programs: programs, record: record)
        try texts.writeHosts()
        try Files.write(
            layout.serviceCommand,
            ServiceCommand.text(layout: layout, programs: programs),
            mode: 0o700
        )
        let cluster = try PracticeCluster(layout: layout, record: record)

        record = try await cluster.startEverything(programs)
        let keyed = HostConfiguration(layout: layout, options: options, programs: programs, record: record)
        try Files.write(layout.knownHosts, keyed.knownHosts)
        try Files.write(layout.sshConfiguration, keyed.sshClient)
        progress(
            "started \(record.members.count) ZooKeepers, \(record.brokers.count) brokers, \(record.hosts.count) sshd"
        )

        try await cluster.waitUntilAnswering(cluster.members, serving: true, within: options.startTimeout)
        let tree = record.expectedTree
        let leader = try await cluster.write(tree, within: options.startTimeout)
        progress("\(leader.name) leads")
        record.znodeCount = tree.count
        record.treeDigest = tree.digest
        try record.write(to: layout)
        let engine = EngineConfiguration(layout: layout, record: record, unixUser: UnixUser.current.name)
        try Files.write(layout.configuration, engine.text)
        progress("wrote \(tree.count) znodes; the configuration is \(layout.configuration)")
        // A write is done when a majority has it. The others have it a moment later, and a member that is broken off
        // before that moment would be a survivor without the last znodes.
        let complete = try PracticeCluster(layout: layout, record: record)
        try await complete.waitUntilHealthy(within: options.startTimeout)
        return complete
    }

    private static func plan(_ options: LabOptions) throws(PracticeClusterError) -> LabRecord {
        let network = try LoopbackNetwork.choose(
            for: options.folder,
            members: options.members,
            brokers: options.brokers,
            ports: options.ports
        )
        return LabRecord(
            createdAt: Date(),
            clusterID: ZnodeTree.clusterID(seed: options.seed),
            seed: options.seed,
            network: network,
            ports: options.ports,
            loginUser: UnixUser.current.name,
            separatesLogs: options.separatesLogs,
            createsMissingDatabase: options.createsMissingDatabase,
            members: (1...options.members).map { number in
                let address = LoopbackNetwork.memberAddress(number, network: network)
                return LabRecord.Host(name: "zk\(number)", number: number, address: address)
            },
            brokers: (0..<options.brokers).map { index in
                let address = LoopbackNetwork.brokerAddress(index + 1, network: network)
                return LabRecord.Host(name: "kafka\(index + 1)", number: index + 1, address: address)
            },
            znodeCount: 0,
            treeDigest: ""
        )
    }

    /// Starts every service on every host, and returns the record with the public host keys.
    ///
    /// The slow part is three Java machines that start; everything else happens meanwhile.
    private func startEverything(_ programs: Programs) async throws(PracticeClusterError) -> LabRecord {
        async let zooKeepers: Void = self.require(.zookeeper, "start", on: self.record.members)
        async let brokers: Void = self.require(.kafka, "start", on: self.record.brokers)
        do {
            let record = try await self.startSSH(programs)
            _ = try await (zooKeepers, brokers)
            return record
        } catch {
            throw (error as? PracticeClusterError) ?? PracticeClusterError(.couldNotStart, "\(error)")
        }
    }

    /// Makes all keys, starts all SSH servers, and returns the record with the public host keys.
    private func startSSH(_ programs: Programs) async throws(PracticeClusterError) -> LabRecord {
        if UnixUser.current.isRoot {
            // Where sshd confines the part of itself that speaks to strangers; Debian makes it at boot.
            mkdir("/run/sshd", 0o755)
        }
        let keys =
            self.record.hosts.map { (self.layout.host($0.name).hostKey, $0.name) }
            + [(self.layout.identity, "selfheal-lab")]
        try await Concurrently.forEach(keys) { (path, comment) async throws(PracticeClusterError) in
            try await ChildProcess.succeed(
                [programs.sshKeygen, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path],
                doing: "making the key '\(path)'"
            )
        }
        var record = self.record
        record.members = try record.members.map { (host) throws(PracticeClusterError) in try self.withKey(host) }
        record.brokers = try record.brokers.map { (host) throws(PracticeClusterError) in try self.withKey(host) }
        try await self.require(.sshd, "start", on: record.hosts)
        return record
    }

    private func withKey(_ host: LabRecord.Host) throws(PracticeClusterError) -> LabRecord.Host {
        let path = self.layout.host(host.name).hostKey + ".pub"
        let words = (Files.readText(path) ?? "").split(whereSeparator: \.isWhitespace)
        guard words.count >= 2 else {
            throw PracticeClusterError(.file, "'\(path)' holds no key")
        }
        var host = host
        host.hostKey = "\(words[0]) \(words[1])"
        return host
    }

    /// Writes the znodes through the leader, and returns who that was.
    ///
    /// On a busy machine the members may lose sight of each other and choose another leader in the middle of it: then what is there already is
    /// left as it is.
    private func write(
        _ tree: ZnodeTree,
        within limit: Duration
    ) async throws(PracticeClusterError) -> LabRecord.Host {
        var leader: LabRecord.Host?
        try await Waiting.until("a leader takes the znodes", within: limit) { () async -> Waiting.Look in
            leader = await self.leader()
            guard let leader else {
                return .notYet("none of the members leads; their logs are in \(self.layout.hosts)/*/log")
            }
            do throws(PracticeClusterError) {
                try await self.client(of: leader).write(tree)
                return .done
            } catch {
                return .notYet(error.message)
            }
        }
        guard let leader else {
            throw PracticeClusterError(.timedOut, "none of the members leads")
        }
        return leader
    }
}

extension HostConfiguration {
    /// Makes each host's folders and everything in them that needs no key.
    fileprivate func writeHosts() throws(PracticeClusterError) {
        try Files.makeFolder(self.layout.hosts)
        try Files.makeFolder(self.layout.serviceFolder)
        for host in self.record.hosts {
            let folder = self.layout.host(host.name)
            try Files.makeFolder(folder.folder)
            for path in folder.all {
                try Files.makeFolder(path)
            }
            try Files.write(folder.sshdConfiguration, self.sshd(for: host))
            try Files.write(folder.daemon(.sshd), self.sshdDaemon(for: host))
        }
        for member in self.record.members {
            let folder = self.layout.host(member.name)
            let logs = self.record.separatesLogs ? folder.separateLogs : folder.data
            try Files.makeFolder(logs)
            try Files.write("\(folder.data)/myid", "\(member.number)\n")
            if self.options.createsMissingDatabase == false {
                // The members of a new ensemble have to be told that an empty disk is right, this once.
                try Files.write("\(logs)/initialize", "")
            }
            try Files.write(folder.zooKeeperConfiguration, self.zooKeeper(for: member))
            try Files.write(folder.loggingConfiguration, self.logging(for: member))
            try Files.write(folder.daemon(.zookeeper), self.zooKeeperDaemon(for: member))
        }
        for broker in self.record.brokers {
            try Files.write(self.layout.host(broker.name).daemon(.kafka), self.kafkaDaemon(for: broker))
        }
    }
}
