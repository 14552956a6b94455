// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunPlan
import RunPorts
import RunVocabulary
import SSHClient
import Synchronization
import Testing
import WorldAdapters

/// Ending a command while the way to its host is cut, against a real sshd.
@Suite struct LostLinkTests {
    private let folder = "/tmp/selfheal-link-\(UUID().uuidString.prefix(8))"
    private let server: TestServer
    private let node: Node

    init() throws {
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
        self.server = try TestServer(home: self.folder)
        var node = Node(name: "alpha", host: "127.0.0.1", roles: [])
        node.ssh = SSHAccess(
            address: "127.0.0.1",
            port: Int(self.server.port),
            user: NSUserName(),
            hostKeys: [try String(contentsOf: self.server.file("host_ed25519.pub"), encoding: .utf8)],
            identityFile: self.server.file("user").path
        )
        self.node = node
    }

    private func runner(stop: Duration = .seconds(60), slack: Duration = .seconds(60)) throws -> ReceiptCommandRunner {
        var patience = ReceiptCommandRunner.Patience()
        patience.stop = stop
        patience.slack = slack
        return ReceiptCommandRunner(
            client: try SSHClient(),
            term: Term(1),
            family: "link",
            localFolder: "\(self.folder)/local",
            memory: PretendMemory(),
            patience: patience
        )
    }

    private func act(timeout: Milliseconds) -> Act {
        Act(
            effect: "run.step.alpha.1.0",
            step: "step",
            target: "alpha",
            attempt: 1,
            command: .arguments(["sh", "-c", "echo $$ >'\(self.folder)/pid'; while :; do sleep 1; done"]),
            summary: "stay",
            effectClass: .changes,
            repeating: .guarded,
            timeout: timeout,
            askedAt: SystemWallClock().now
        )
    }

    private func pid() async throws -> pid_t {
        let end = ContinuousClock.now + .seconds(90)
        while ContinuousClock.now < end {
            let text = try? String(contentsOfFile: "\(self.folder)/pid", encoding: .utf8)
            if let pid = text.flatMap({ pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) }) {
                return pid
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw TestServer.Failure(description: "the command did not begin")
    }

    private func clean() {
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    @Test func `a stop that finds the link cut is tried again, and confirmed once the link is back`() async throws {
        defer { self.clean() }
        let runner = try self.runner()
        let act = self.act(timeout: .minutes(10))
        async let report = runner.run(act, on: self.node) { _ in }
        let pid = try await self.pid()
        self.server.stop()
        async let stopped: Void = runner.stop(act.effect)
        // It goes on without us.
        #expect(kill(pid, 0) == 0)
        try self.server.start()
        await stopped
        #expect(await report.ending == .stopped)
        #expect(kill(pid, 0) != 0)
    }

    @Test func `a stop whose link stays cut ends in doubt, and says that it may still run`() async throws {
        defer { self.clean() }
        let runner = try self.runner(stop: .seconds(3))
        let act = self.act(timeout: .minutes(10))
        async let report = runner.run(act, on: self.node) { _ in }
        let pid = try await self.pid()
        defer { kill(pid, SIGKILL) }
        self.server.stop()
        await runner.stop(act.effect)
        guard case .inDoubt(let reason, mayStillRun: true) = await report.ending else {
            Issue.record("nobody can know that it is gone")
            return
        }
        #expect(reason.contains("told to stop") && reason.contains("nobody could confirm that it is gone"))
        #expect(kill(pid, 0) == 0)
    }

    @Test func `a command whose time is up while the link is cut is known to be gone once the link is back`()
        async throws
    {
        defer { self.clean() }
        let runner = try self.runner()
        let act = self.act(timeout: .seconds(3))
        async let report = runner.run(act, on: self.node) { _ in }
        let pid = try await self.pid()
        self.server.stop()
        // The host ends it by itself.
        let end = ContinuousClock.now + .seconds(60)
        while kill(pid, 0) == 0 {
            try #require(ContinuousClock.now < end)
            try await Task.sleep(for: .milliseconds(20))
        }
        try self.server.start()
        #expect(await report.ending == .timedOut)
    }

    @Test func `a command whose time is up while the link stays cut is in doubt`() async throws {
        defer { self.clean() }
        let runner = try self.runner(stop: .seconds(1), slack: .seconds(1))
        let act = self.act(timeout: .seconds(2))
        async let report = runner.run(act, on: self.node) { _ in }
        _ = try await self.pid()
        self.server.stop()
        guard case .inDoubt(let reason, mayStillRun: true) = await report.ending else {
            Issue.record("nobody could ask the host")
            return
        }
        #expect(reason.contains("could not be asked in time"))
    }
}
