// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import ProbeZooKeeper
internal import Probes

/// Asks one member what it says and what it holds.
struct MemberClient: Sendable {
    let host: LabRecord.Host
    let port: UInt16
    let prober: SocketProber
    /// For questions that a member answers by itself; loopback takes milliseconds unless somebody stands still.
    var timeout: Duration = .seconds(2)
    /// For what goes through the leader and onto the disks of a majority, which a busy machine may hold up for seconds.
    var sessionTimeout: Duration = .seconds(15)

    /// What `srvr` says.
    func ask() async -> MemberAnswer {
        let exchange = FourLetterWord.srvr.exchange(with: self.host.address, port: self.port, timeout: self.timeout)
        switch FourLetterAnswer(await self.prober.exchange(exchange)) {
        case .text(let text):
            guard let summary = try? ServerSummary(parsing: text) else {
                return .silent
            }
            return .serving(mode: summary.mode, zxid: summary.zxid)
        case .notServing: return .notServing
        case .refused: return .refused
        case .notPermitted, .empty, .garbage, .unknown: return .silent
        }
    }

    /// Whether somebody takes a connection.
    func accepts() async -> Bool {
        let exchange = SocketExchange(
            address: self.host.address,
            port: self.port,
            until: .connected,
            timeout: self.timeout
        )
        return await self.prober.exchange(exchange).outcome == .completed
    }

    /// All znodes but ZooKeeper's own, after the member has caught up with its leader.
    func readTree() async throws(ZooKeeperSessionError) -> ZnodeTree {
        var session = try await self.openSession()
        try await session.sync()
        let nodes = try await session.tree().nodes
        try await session.close()
        var tree = ZnodeTree()
        for node in nodes where node.path != "/" {
            tree[node.path] = String(decoding: node.data, as: UTF8.self)
        }
        return tree
    }

    /// Creates every znode of the tree that is not there, parents first.
    func write(_ tree: ZnodeTree) async throws(PracticeClusterError) {
        do throws(ZooKeeperSessionError) {
            var session = try await self.openSession()
            for path in tree.paths {
                do throws(ZooKeeperSessionError) {
                    try await session.create(path, data: Array((tree[path] ?? "").utf8))
                } catch {
                    guard error.reason == .refused(.nodeExists) else { throw error }
                }
            }
            try await session.close()
        } catch {
            throw PracticeClusterError(.couldNotStart, "the znodes could not be written to \(self.host.name): \(error)")
        }
    }

    private func openSession() async throws(ZooKeeperSessionError) -> ZooKeeperSession {
        try await ZooKeeperSession.open(
            address: self.host.address,
            port: self.port,
            timeout: self.sessionTimeout,
            using: self.prober
        )
    }
}
