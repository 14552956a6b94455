// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Foundation
import RunCore
import RunJournal
import RunPlan
import RunPorts
import RunVocabulary
import SSHClient
import Synchronization
import Testing
import WorldAdapters

/// Old receipts go when a run ends: on a real sshd and on this machine, by what a real store knows.
@Suite struct SweepTests {
    private static let day = Milliseconds(86_400_000)

    /// Days later than it is.
    private final class Calendar: Sendable {
        private let days = Mutex<Int>(0)

        func wait(days: Int) {
            self.days.withLock { $0 += days }
        }

        var now: Instant {
            SystemWallClock().now + SweepTests.day * self.days.withLock { $0 }
        }
    }

    private final class Place {
        let folder: String
        let home: String
        let store: RunStore
        let calendar = Calendar()
        /// Nothing for this machine.
        let node: Node?
        private let server: TestServer?

        init(overSSH: Bool) throws {
            self.folder = "/tmp/selfheal-sweep-\(UUID().uuidString.prefix(8))"
            self.home = "\(self.folder)/home"
            try FileManager.default.createDirectory(atPath: self.home, withIntermediateDirectories: true)
            self.store = try RunStore.open(folder: "\(self.folder)/store", mode: .engine)
            guard overSSH else {
                self.node = nil
                self.server = nil
                return
            }
            let server = try TestServer(home: self.home)
            var node = Node(name: "alpha", host: "127.0.0.1", roles: [])
            node.ssh = SSHAccess(
                address: "127.0.0.1",
                port: Int(server.port),
                user: NSUserName(),
                hostKeys: [try String(contentsOf: server.file("host_ed25519.pub"), encoding: .utf8)],
                identityFile: server.file("user").path
            )
            self.node = node
            self.server = server
        }

        deinit {
            try? FileManager.default.removeItem(atPath: self.folder)
        }

        /// The engine of one run.
        func engine(_ run: RunID, term: UInt64 = 1) throws -> ReceiptCommandRunner {
            let calendar = self.calendar
            return ReceiptCommandRunner(
                client: try SSHClient(),
                term: Term(term),
                family: "sweeping",
                localFolder: "\(self.home)/.selfheal/effects/sweeping",
                memory: StoredIncarnations(store: self.store, run: run),
                now: { calendar.now }
            )
        }

        func act(_ run: RunID) -> Act {
            Act(
                effect: EffectID("\(run).step.x.1.0"),
                step: "step",
                target: self.node?.name,
                attempt: 1,
                command: .arguments(["sh", "-c", "echo done >>'\(self.folder)/ledger'"]),
                summary: "count",
                effectClass: .changes,
                repeating: .guarded,
                timeout: .seconds(120),
                askedAt: self.calendar.now
            )
        }

        /// A run of one command, which has ended unless it says otherwise.
        func run(_ run: RunID, ends: Bool = true) async throws -> (act: Act, runner: ReceiptCommandRunner) {
            let runner = try self.engine(run)
            let act = self.act(run)
            try #require(await runner.run(act, on: self.node) { _ in }.ending == .exited(status: 0))
            let summary = RunSummary(
                id: run.text,
                runbook: "r",
                title: "r",
                planDigest: "",
                requestedBy: "me",
                createdAt: act.askedAt.milliseconds,
                parameters: "{}",
                locks: [],
                state: "running",
                outcome: nil,
                updatedAt: act.askedAt.milliseconds
            )
            try await self.store.createRun(RunRow(summary: summary, plan: [], source: ""))
            if ends {
                let update = RunUpdate(
                    run: run.text,
                    state: "ended",
                    outcome: "succeeded",
                    updatedAt: act.askedAt.milliseconds
                )
                try await self.store.append([], runUpdate: update)
            }
            return (act, runner)
        }

        func sweep(_ runner: ReceiptCommandRunner) async -> Int {
            await runner.sweep(by: StoredSweeps(store: self.store), within: .seconds(60))
        }

        /// Makes a receipt as old as the calendar says that it is.
        func age(_ act: Act, days: Int) throws {
            let path = "\(self.receipts)/\(act.effect.text)/claim"
            var words = try String(contentsOfFile: path, encoding: .utf8).split(separator: " ").map(String.init)
            words[4] = String(try #require(Int64(words[4])) - Int64(days) * 8_640_000)
            try words.joined(separator: " ").write(toFile: path, atomically: true, encoding: .utf8)
        }

        var receipts: String { "\(self.home)/.selfheal/effects/sweeping" }

        var kept: [String] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: self.receipts)) ?? []
            return names.filter { !$0.hasPrefix(".") }.map { String($0.prefix { $0 != "." }) }.sorted()
        }

        var count: Int {
            let text = (try? String(contentsOfFile: "\(self.folder)/ledger", encoding: .utf8)) ?? ""
            return text.split(separator: "\n").count
        }
    }

    @Test(arguments: [true, false])
    func `the end of a run takes away what ended runs left behind more than a week ago`(overSSH: Bool) async throws {
        let place = try Place(overSSH: overSSH)
        let old = try await place.run("20260101-old")
        // The first look only notes that there was one: nothing can be old yet.
        #expect(await place.sweep(old.runner) == 0)
        let open = try await place.run("20260102-open", ends: false)
        place.calendar.wait(days: 8)
        try place.age(old.act, days: 8)
        try place.age(open.act, days: 8)
        let young = try await place.run("20260109-young")
        #expect(await place.sweep(young.runner) == 1)
        #expect(place.kept == ["20260102-open", "20260109-young"])
        // Looked through today already.
        #expect(await place.sweep(young.runner) == 0)
        await place.store.close()
    }

    // Goal: neither the engine of a store brought back from a backup, nor one whose clock is wrong, repeats what was swept.
    @Test(arguments: [true, false])
    func `what was swept is in doubt for every later engine, and is not done again`(overSSH: Bool) async throws {
        let place = try Place(overSSH: overSSH)
        let old = try await place.run("20260101-old")
        _ = await place.sweep(old.runner)
        place.calendar.wait(days: 8)
        try place.age(old.act, days: 8)
        let young = try await place.run("20260109-young")
        #expect(await place.sweep(young.runner) == 1)
        let asked = try await place.engine("20260101-old", term: 2).inquire(old.act, on: place.node)
        guard case .inDoubt(let reason, mayStillRun: true) = asked.ending else {
            Issue.record("it was done, and nobody can tell any more: \(asked)")
            return
        }
        #expect(reason.contains("swept"))
        // The clock goes back by a year, and so the act seems to be of the future.
        place.calendar.wait(days: -365)
        let early = try await place.engine("20260101-old", term: 3).inquire(old.act, on: place.node)
        guard case .inDoubt = early.ending else {
            Issue.record("\(early)")
            return
        }
        let again = try await place.engine("20260101-old", term: 4).run(old.act, on: place.node) { _ in }
        guard case .notSent = again.ending else {
            Issue.record("\(again)")
            return
        }
        #expect(place.count == 2)
        await place.store.close()
    }

    @Test func `an act of six days ago whose receipt is missing is in doubt, also where nothing was swept`()
        async throws
    {
        let place = try Place(overSSH: false)
        _ = try await place.run("run")
        let lost = place.act("run.lost")
        place.calendar.wait(days: 6)
        let asked = try await place.engine("run", term: 2).inquire(lost, on: nil)
        guard case .inDoubt = asked.ending else {
            Issue.record("somebody may have removed it by hand: \(asked)")
            return
        }
        await place.store.close()
    }

    @Test func `a run that the store does not know keeps its receipts`() async throws {
        let place = try Place(overSSH: false)
        let known = try await place.run("20260101-known")
        _ = await place.sweep(known.runner)
        let stranger = place.act("20260101-stranger")
        try #require(
            await place.engine("20260101-stranger").run(stranger, on: nil) { _ in }.ending == .exited(status: 0)
        )
        place.calendar.wait(days: 8)
        try place.age(known.act, days: 8)
        try place.age(stranger, days: 8)
        #expect(await place.sweep(known.runner) == 1)
        #expect(place.kept == ["20260101-stranger"])
        await place.store.close()
    }

    @Test func `a host that is away holds nobody up, and is looked through another time`() async throws {
        let place = try Place(overSSH: true)
        let old = try await place.run("20260101-old")
        _ = await place.sweep(old.runner)
        place.calendar.wait(days: 8)
        try place.age(old.act, days: 8)
        let store = place.receipts
        try FileManager.default.moveItem(atPath: store, toPath: store + "-away")
        #expect(await place.sweep(old.runner) == 0)
        try FileManager.default.moveItem(atPath: store + "-away", toPath: store)
        #expect(await place.sweep(old.runner) == 1)
        await place.store.close()
    }
}
