// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ProbeZooKeeper
import Probes
import Testing

/// Against real servers, one suite at a time: they are heavy.
@Suite(.serialized, .enabled(if: ZooKeeperServer.isInstalled), .timeLimit(.minutes(10)))
struct ZooKeeperServerTests {
    let prober: SocketProber
    let directory: URL

    init() throws {
        self.prober = try SocketProber()
        self.directory = try ZooKeeperServer.temporaryDirectory()
    }

    private func text(of word: FourLetterWord, from server: ZooKeeperServer) async throws -> String {
        let answer = await server.probe.say(word, using: self.prober)
        guard case .text(let text) = answer else {
            throw ZooKeeperServer.SetupFailure(message: "\(word) gave \(answer)")
        }
        return text
    }

    private func diskState(of server: ZooKeeperServer) throws -> ZooKeeperDiskState {
        ZooKeeperDiskState(scriptOutput: try runDiskScript(data: server.dataDirectory).output)
    }

    @Test func `a standalone server answers every question`() async throws {
        defer { try? FileManager.default.removeItem(at: self.directory) }
        let server = try ZooKeeperServer.ensemble(of: 1, in: self.directory)[0]
        try server.start()
        defer { server.kill9() }
        try await server.waitUntilServing(using: self.prober)

        let summary = try ServerSummary(parsing: try await self.text(of: .srvr, from: server))
        #expect(summary.mode == .standalone)
        #expect(summary.version.hasPrefix("3."))
        let monitor = try ServerMonitor(parsing: try await self.text(of: .mntr, from: server))
        #expect(monitor.mode == .standalone)
        #expect(monitor.entries.count > 30)
        let configuration = try ServerConfiguration(parsing: try await self.text(of: .conf, from: server))
        #expect(configuration.clientPort == Int(server.clientPort))
        #expect(configuration.dataDirectory == server.versionDirectory.path)
        #expect(configuration.members.isEmpty)
        #expect(try WriteReadiness(parsing: try await self.text(of: .isro, from: server)) == .readWrite)
        // Left off the whitelist on purpose.
        #expect(await server.probe.say(.ruok, using: self.prober) == .notPermitted)

        try await self.useSession(of: server)

        let answers = await server.probe.ask([.srvr, .mntr, .clusterID], using: self.prober)
        let report = ZooKeeperReport(merging: answers)
        #expect(report.serving == true)
        #expect(report.clusterID == "xyz")
        #expect(report.problem == nil)

        server.freeze()
        var impatient = server.probe
        impatient.timeout = .milliseconds(200)
        let frozen = ZooKeeperReport(
            merging: await impatient.ask([.srvr, .mntr, .zabState, .clusterID], using: self.prober)
        )
        #expect(frozen.answered == nil)
        #expect(frozen.serving == nil)
        #expect(frozen.problems.count == 4)
    }

    private func useSession(of server: ZooKeeperServer) async throws {
        var session = try await server.openSession(using: self.prober)
        #expect(try await session.clusterID() == nil)
        #expect(try await session.exists("/cluster") == nil)
        try await session.create("/cluster")
        try await session.create("/cluster/id", data: #"{"version":"1","id":"xyz"}"#.bytes)
        try await session.create("/brokers", data: [0, 1, 255])
        try await session.create("/brokers/here", lifetime: .ephemeral)
        #expect(try await session.children(of: "/") == ["brokers", "cluster", "zookeeper"])
        #expect(try await session.set("/brokers", data: [7], version: 0).version == 1)
        #expect(try await session.get("/brokers").data == [7])
        #expect(try await session.exists("/brokers")?.childCount == 1)
        try await session.sync()
        try await session.ping()
        #expect(try await session.clusterID() == "xyz")
        await #expect(throws: ZooKeeperSessionError.self) { try await self.breakRules(of: server) }

        let tree = try await session.tree()
        #expect(tree.nodes.map(\.path) == ["/", "/brokers", "/brokers/here", "/cluster", "/cluster/id"])
        #expect(tree["/brokers"] == .init(path: "/brokers", data: [7], version: 1))
        do {
            _ = try await session.tree(limit: 3)
            Issue.record("the limit was not kept")
        } catch {
            #expect(error.reason == .treeTooLarge(limit: 3))
        }
        // Too large for this server, which then closes the connection.
        do {
            try await session.create("/large", data: [UInt8](repeating: 1, count: 2_000_000))
            Issue.record("the server took two megabytes")
        } catch {
            guard case .connection = error.reason else {
                Issue.record("unexpected: \(error)")
                return
            }
        }
        do {
            try await session.ping()
            Issue.record("the session was used after its end")
        } catch {
            #expect(error.reason == .ended)
        }

        var other = try await server.openSession(using: self.prober)
        try await other.create("/other", lifetime: .ephemeral)
        try await other.close()
        var third = try await server.openSession(using: self.prober)
        #expect(try await third.exists("/other") == nil)
    }

    /// An error number leaves the session usable; the last one is thrown.
    private func breakRules(of server: ZooKeeperServer) async throws {
        var session = try await server.openSession(using: self.prober)
        let steps: [(ZooKeeperCode, (inout ZooKeeperSession) async throws(ZooKeeperSessionError) -> Void)] = [
            (.nodeExists, { session throws(ZooKeeperSessionError) in try await session.create("/brokers") }),
            (.noNode, { session throws(ZooKeeperSessionError) in _ = try await session.get("/nowhere") }),
            (
                .badVersion,
                { session throws(ZooKeeperSessionError) in try await session.set("/brokers", data: [], version: 9) }
            ),
        ]
        for (code, step) in steps {
            do throws(ZooKeeperSessionError) {
                try await step(&session)
                Issue.record("expected: \(code)")
            } catch {
                #expect(error.reason == .refused(code))
            }
        }
        _ = try await session.get("/nowhere")
    }

    /// Waits until all serve and the leader has them all in sync; before that, members may still change their part.
    private func waitForQuorum(of servers: [ZooKeeperServer]) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            var reports: [ZooKeeperReport] = []
            for server in servers {
                try await server.waitUntilServing(using: self.prober)
                reports.append(ZooKeeperReport(merging: await server.probe.ask([.srvr, .mntr], using: self.prober)))
            }
            let isWhole = reports.contains { $0.mode == .leader && $0.syncedFollowers == servers.count - 1 }
            if isWhole, reports.allSatisfy({ $0.serving == true }) { return }
        }
        throw ZooKeeperServer.SetupFailure(message: "no quorum after a minute")
    }

    @Test func `a member alone of three runs and does not serve, and has its data`() async throws {
        defer { try? FileManager.default.removeItem(at: self.directory) }
        let servers = try ZooKeeperServer.ensemble(of: 3, in: self.directory)
        defer { for server in servers { server.kill9() } }
        for server in servers { try server.start() }
        try await self.waitForQuorum(of: servers)

        var session = try await servers[0].openSession(using: self.prober)
        for number in 0..<20 { try await session.create("/node-\(number)", data: "value \(number)".bytes) }
        var trees: [ZooKeeperTree] = []
        for server in servers {
            var reader = try await server.openSession(using: self.prober)
            try await reader.sync()
            trees.append(try await reader.tree())
        }
        #expect(trees[0].nodes.count == 21)
        #expect(trees[1].differences(from: trees[0]) == [])
        #expect(trees[2] == trees[0])

        var modes: [String] = []
        for server in servers {
            let report = ZooKeeperReport(
                merging: await server.probe.ask([.srvr, .mntr, .zabState], using: self.prober)
            )
            #expect(report.serving == true)
            #expect(report.problem == nil)
            #expect(report.quorumSize == 3)
            if report.mode == .leader { #expect(report.syncedFollowers == 2) }
            modes.append(report.mode?.name ?? "?")
        }
        #expect(modes.sorted() == ["follower", "follower", "leader"])
        let configuration = try ServerConfiguration(parsing: try await self.text(of: .conf, from: servers[0]))
        #expect(configuration.voterCount == 3)

        servers[1].kill9()
        servers[2].kill9()
        try await servers[0].wait(using: self.prober) { $0 == .notServing }
        let alone = ZooKeeperReport(
            merging: await servers[0].probe.ask([.srvr, .mntr, .zabState, .clusterID], using: self.prober)
        )
        #expect(alone.answered == true)
        #expect(alone.serving == false)
        let down = ZooKeeperReport(merging: await servers[1].probe.ask([.srvr, .clusterID], using: self.prober))
        #expect(down.answered == false)
        #expect(down.serving == false)
        do {
            _ = try await servers[0].openSession(using: self.prober)
            Issue.record("a session without a quorum")
        } catch let error as ZooKeeperSessionError {
            #expect(error.reason == .turnedAway)
        }

        for (index, server) in servers.enumerated() {
            let state = try self.diskState(of: server)
            #expect(state.verdict == .intact)
            #expect(state.myID == index + 1)
            #expect(state.currentEpoch == 1)
            #expect(state.acceptedEpoch == 1)
            #expect(state.lastZxid?.isExact == true)
            #expect(try #require(state.lastZxid).value >= Zxid(epoch: 1, counter: 21))
            #expect(state.snapshots.allSatisfy { $0.check == .checksum })
        }
    }

    // Goal: the verdict on a damaged disk is the one the real server comes to.
    // Method: damage the same log in three ways, ask the parser, then start the server.
    @Test func `the disk is judged as a starting server does`() async throws {
        defer { try? FileManager.default.removeItem(at: self.directory) }
        let server = try ZooKeeperServer.ensemble(of: 1, in: self.directory)[0]
        try server.start()
        defer { server.kill9() }
        try await server.waitUntilServing(using: self.prober)
        var session = try await server.openSession(using: self.prober)
        for number in 0..<5 { try await session.create("/node-\(number)", data: "value".bytes) }
        let last = session.lastZxid
        let summary = try ServerSummary(parsing: try await self.text(of: .srvr, from: server))
        #expect(summary.zxid == last)
        server.kill9()

        let whole = try self.diskState(of: server)
        #expect(whole.verdict == .intact)
        #expect(whole.lastZxid == .exactly(last))
        let name = try #require(whole.logNames.first)
        let file = server.versionDirectory.appending(path: name)
        let log = try Data(contentsOf: file)
        // Few records, so the end is near the beginning.
        let used = try #require(log.prefix(1 << 16).lastIndex { $0 != 0 }) + 1
        #expect(log.count > 60 << 20)

        // Cut within the last record: the server starts with the one before.
        try log.prefix(used - 3).write(to: file)
        let torn = try self.diskState(of: server)
        #expect(torn.verdict == .intact)
        #expect(torn.lastZxid == .exactly(Zxid(last.rawValue - 1)))
        #expect(torn.notes.contains { $0.contains("cut short") })
        let backup = self.directory.appending(path: "backup")
        try FileManager.default.copyItem(at: server.versionDirectory, to: backup)
        try server.start()
        try await server.waitUntilServing(using: self.prober)
        var reader = try await server.openSession(using: self.prober)
        #expect(try await reader.tree().nodes.map(\.path).contains("/node-4") == false)
        #expect(try await reader.exists("/node-3") != nil)
        server.kill9()
        try FileManager.default.removeItem(at: server.versionDirectory)
        try FileManager.default.moveItem(at: backup, to: server.versionDirectory)

        // A flipped byte in the middle: the server does not start.
        var flipped = log
        flipped[used / 2] ^= 0x20
        try flipped.write(to: file)
        guard case .damaged(let reason) = try self.diskState(of: server).verdict else {
            Issue.record("a flipped byte went unseen")
            return
        }
        #expect(reason.contains(name))
        try server.start()
        #expect(server.waitForExit() != 0)

        // A broken snapshot, and it is the only one.
        try log.write(to: file)
        let snapshot = server.versionDirectory.appending(path: try #require(whole.snapshots.first).name)
        var broken = try Data(contentsOf: snapshot)
        broken[40] ^= 1
        try broken.write(to: snapshot)
        #expect(
            try self.diskState(of: server).verdict
                == .damaged("no snapshot is whole; \(snapshot.lastPathComponent): the checksum is wrong")
        )
        try server.start()
        #expect(server.waitForExit() != 0)

        try FileManager.default.removeItem(at: snapshot)
        guard case .damaged = try self.diskState(of: server).verdict else {
            Issue.record("logs without a snapshot went unseen")
            return
        }
        try FileManager.default.removeItem(at: server.versionDirectory)
        #expect(try self.diskState(of: server).verdict == .lost)
    }
}
