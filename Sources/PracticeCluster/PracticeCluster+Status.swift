// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension PracticeCluster {
    /// Looks at every process, port and disk, and reads the znodes through a session on each member that serves.
    ///
    /// Takes as long as the slowest member, at most some seconds when one does not answer. Each session is a write of its
    /// own, so that looking moves the zxid. Looking at the disks takes longest, and the verdict does not need it.
    package func status(includingDisks: Bool = true) async throws(PracticeClusterError) -> LabStatus {
        let expected = self.record.expectedTree
        let members = try await Concurrently.map(self.members) { (member) async throws(PracticeClusterError) in
            try await self.look(at: member, expected: expected, includingDisk: includingDisks)
        }
        let brokers = try await Concurrently.map(self.brokers) { (broker) async throws(PracticeClusterError) in
            try await self.look(at: broker)
        }
        return LabStatus(
            folder: self.folder,
            clusterID: self.clusterID,
            expectedZnodes: expected.count,
            members: members,
            brokers: brokers,
            breaks: try self.history()
        )
    }

    private func look(
        at member: LabRecord.Host,
        expected: ZnodeTree,
        includingDisk: Bool
    ) async throws(PracticeClusterError) -> LabStatus.Member {
        let client = self.client(of: member)
        let answer = await client.ask()
        // A member that cannot be read is a fact to show, not a reason to stop looking.
        let tree = answer.isServing ? try? await client.readTree() : nil
        return LabStatus.Member(
            name: member.name,
            address: member.address,
            zooKeeper: self.process(.zookeeper, on: member.name)?.state ?? .down,
            sshd: self.process(.sshd, on: member.name)?.state ?? .down,
            answer: answer,
            tree: tree.map { LabStatus.Tree($0, expected: expected) },
            disk: includingDisk ? try await self.disk(of: member).look() : nil
        )
    }

    private func look(at broker: LabRecord.Host) async throws(PracticeClusterError) -> LabStatus.Broker {
        LabStatus.Broker(
            name: broker.name,
            address: broker.address,
            process: self.process(.kafka, on: broker.name)?.state ?? .down,
            sshd: self.process(.sshd, on: broker.name)?.state ?? .down,
            accepts: await MemberClient(
                host: broker,
                port: self.record.ports.broker,
                prober: self.prober
            ).accepts()
        )
    }
}
