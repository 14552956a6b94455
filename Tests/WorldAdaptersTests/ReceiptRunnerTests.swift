// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunPorts
import RunVocabulary
import SSHClient
import Synchronization
import Testing
import WorldAdapters

/// Commands with receipts on this machine: the same shell programs as over SSH, without the network.
@Suite struct ReceiptRunnerTests {
    /// A memory on a full disk.
    private struct FullMemory: IncarnationMemory {
        struct Full: Error {}

        func incarnation(at place: String) async throws -> String? { nil }
        func remember(_ incarnation: String, at place: String) async throws { throw Full() }
    }

    private final class Place {
        let folder = "/tmp/selfheal-adapters-\(UUID().uuidString.prefix(8))"
        let memory = PretendMemory()

        init() throws {
            try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
        }

        deinit {
            try? FileManager.default.removeItem(atPath: self.folder)
        }

        var receipts: String { "\(self.folder)/effects" }

        /// A new engine; its predecessors are gone.
        func engine(term: UInt64 = 1, memory: (any IncarnationMemory)? = nil) throws -> ReceiptCommandRunner {
            ReceiptCommandRunner(
                client: try SSHClient(),
                term: Term(term),
                family: "test",
                localFolder: self.receipts,
                memory: memory ?? self.memory
            )
        }

        /// A command that adds a line to a file, so that its happening can be counted.
        func act(
            _ effect: EffectID = "run.step.here.1.0",
            then: String = "true",
            repeating: RepeatPolicy = .guarded,
            timeout: Milliseconds = .seconds(60),
            askedAt: Instant = SystemWallClock().now
        ) -> Act {
            Act(
                effect: effect,
                step: "step",
                target: nil,
                attempt: 1,
                command: .arguments(["sh", "-c", "echo done >>'\(self.folder)/ledger'; \(then)"]),
                summary: "count",
                effectClass: .changes,
                repeating: repeating,
                timeout: timeout,
                askedAt: askedAt
            )
        }

        var count: Int {
            let text = (try? String(contentsOfFile: "\(self.folder)/ledger", encoding: .utf8)) ?? ""
            return text.split(separator: "\n").count
        }

        func waitForLedger() async throws {
            try #require(await self.hasLedger())
        }

        /// Whether a command has begun, within a minute.
        func hasLedger() async -> Bool {
            let end = ContinuousClock.now + .seconds(60)
            while self.count == 0, ContinuousClock.now < end {
                try? await Task.sleep(for: .milliseconds(5))
            }
            return self.count > 0
        }
    }

    @Test func `a command happens once, and its end can be asked for by the next engine`() async throws {
        let place = try Place()
        let first = try await place.engine().run(place.act(then: "exit 3"), on: nil) { _ in }
        #expect(first.ending == .exited(status: 3))
        let asked = try await place.engine(term: 2).inquire(place.act(then: "exit 3"), on: nil)
        #expect(asked.ending == .exited(status: 3))
        #expect(place.count == 1)
    }

    @Test func `what never began is sealed, and cannot begin any more`() async throws {
        let place = try Place()
        _ = try await place.engine().run(place.act("run.other.here.1.0"), on: nil) { _ in }
        guard case .notSent = try await place.engine(term: 2).inquire(place.act(), on: nil).ending else {
            Issue.record("it was never sent")
            return
        }
        guard case .notSent = try await place.engine(term: 3).run(place.act(), on: nil, onOutput: { _ in }).ending
        else {
            Issue.record("it is sealed")
            return
        }
        #expect(place.count == 1)
    }

    @Test func `where nothing was ever started there is nothing to ask for`() async throws {
        let place = try Place()
        let report = try await place.engine().inquire(place.act(), on: nil)
        #expect(report.ending == .notSent(reason: "nothing had ever been started there"))
        #expect(!FileManager.default.fileExists(atPath: place.receipts))
    }

    // Goal: a host whose receipts were wiped and begun anew does not pass for one on which nothing ran.
    @Test func `receipts that were deleted, or deleted and begun anew, leave it in doubt`() async throws {
        let place = try Place()
        _ = try await place.engine().run(place.act(), on: nil) { _ in }
        try FileManager.default.removeItem(atPath: place.receipts)
        guard case .inDoubt = try await place.engine(term: 2).inquire(place.act(), on: nil).ending else {
            Issue.record("its receipt is gone")
            return
        }
        // Another engine, which knew nothing of the first store, makes a new one.
        _ = try await place.engine(term: 2, memory: PretendMemory()).run(place.act("run.other.here.1.0"), on: nil) {
            _ in
        }
        guard case .inDoubt = try await place.engine(term: 3).inquire(place.act(), on: nil).ending else {
            Issue.record("this is not the store in which it was claimed")
            return
        }
    }

    @Test func `an engine that a newer one has overtaken sends nothing, and does not call the unknown never`()
        async throws
    {
        let place = try Place()
        _ = try await place.engine(term: 5).run(place.act("run.other.here.1.0"), on: nil) { _ in }
        let late = try await place.engine(term: 4).run(place.act(), on: nil) { _ in }
        guard case .notSent(let reason) = late.ending else {
            Issue.record("an older term must not act: \(late)")
            return
        }
        #expect(reason.contains("term 5"))
        guard case .inDoubt = try await place.engine(term: 4).inquire(place.act("run.other.here.1.0"), on: nil).ending
        else {
            Issue.record("the host refused to answer, so nobody knows")
            return
        }
        #expect(place.count == 1)
    }

    @Test func `nothing is started where the receipts' name cannot be remembered`() async throws {
        let place = try Place()
        let report = try await place.engine(memory: FullMemory()).run(place.act(), on: nil) { _ in }
        guard case .notSent = report.ending else {
            Issue.record("\(report)")
            return
        }
        #expect(place.count == 0)
    }

    @Test func `a stop ends the command and says so, also when it overtakes it`() async throws {
        let place = try Place()
        let runner = try place.engine()
        let act = place.act(then: "while :; do sleep 1; done")
        async let report = runner.run(act, on: nil) { _ in }
        // It is stopped also if it never began: nothing else would end it.
        let hasBegun = await place.hasLedger()
        await runner.stop(act.effect)
        #expect(hasBegun)
        #expect(await report.ending == .stopped)
        let next = place.act("run.step.here.2.0")
        await runner.stop(next.effect)
        let overtaken = await runner.run(next, on: nil) { _ in }
        #expect(overtaken.ending == .notSent(reason: "it was stopped before it was sent"))
        #expect(place.count == 1)
    }

    @Test func `a command whose time is up is ended, and known to be`() async throws {
        let place = try Place()
        let act = place.act(then: "while :; do sleep 1; done", timeout: .seconds(4))
        let report = try await place.engine().run(act, on: nil) { _ in }
        #expect(report.ending == .timedOut)
    }

    @Test func `output comes while the command runs, its last line too`() async throws {
        let place = try Place()
        let runner = try place.engine()
        let act = place.act(then: "echo waiting; while :; do sleep 1; done")
        let (lines, show) = AsyncStream.makeStream(of: String.self)
        async let report = {
            // Nobody waits for lines of a command that has ended.
            defer { show.finish() }
            return await runner.run(act, on: nil) { show.yield($0.text) }
        }()
        var text = ""
        for await line in lines {
            text += line
            if text.contains("waiting\n") {
                break
            }
        }
        await runner.stop(act.effect)
        #expect(await report.ending == .stopped)
    }

    @Test func `a command without a receipt is ended when its time is up, and is in doubt after a crash`() async throws
    {
        let place = try Place()
        let act = place.act(then: "sleep 30", repeating: .never, timeout: Milliseconds(300))
        let late = try await place.engine().run(act, on: nil) { _ in }
        // Its session on this machine was ended, and nothing of it is left.
        #expect(late.ending == .timedOut)
        let crashed = try await place.engine(term: 2).inquire(act, on: nil)
        guard case .inDoubt = crashed.ending else {
            Issue.record("\(crashed)")
            return
        }
        let quick = place.act("run.step.here.2.0", then: "exit 4", repeating: .never)
        #expect(try await place.engine().run(quick, on: nil) { _ in }.ending == .exited(status: 4))
    }

    // MARK: which store of receipts a run knows

    // Goal: a run that begins after the receipts were wiped must not make an earlier run take "no receipt" for "never ran".
    @Test func `what one run learns of a host's receipts changes nothing for another`() async throws {
        let place = try Place()
        let first = PretendMemory()
        let second = PretendMemory()
        _ = try await place.engine(memory: first).run(place.act(), on: nil) { _ in }
        try FileManager.default.removeItem(atPath: place.receipts)
        let other = try await place.engine(term: 2, memory: second).run(place.act("run2.step.here.1.0"), on: nil) { _ in
        }
        #expect(other.ending == .exited(status: 0))
        let asked = try await place.engine(term: 3, memory: first).inquire(place.act(), on: nil)
        guard case .inDoubt(_, let mayStillRun) = asked.ending else {
            Issue.record("it did happen: \(asked)")
            return
        }
        #expect(mayStillRun)
        #expect(place.count == 2)
    }

    @Test func `a run whose receipts were begun anew by another sends nothing more there`() async throws {
        let place = try Place()
        _ = try await place.engine().run(place.act(), on: nil) { _ in }
        try FileManager.default.removeItem(atPath: place.receipts)
        _ = try await place.engine(term: 2, memory: PretendMemory()).run(place.act("run2.step.here.1.0"), on: nil) {
            _ in
        }
        let next = try await place.engine(term: 3).run(place.act("run.step.here.2.0"), on: nil) { _ in }
        guard case .notSent(let reason) = next.ending else {
            Issue.record("\(next)")
            return
        }
        #expect(reason.contains("begun anew"))
        #expect(place.count == 2)
    }

    @Test func `a restart of the host ends a command, so it cannot be running any more`() async throws {
        let place = try Place()
        let act = place.act(then: "while :; do sleep 1; done")
        let runner = try place.engine()
        async let report = runner.run(act, on: nil) { _ in }
        // It is stopped also if it never began: nothing else would end it.
        let hasBegun = await place.hasLedger()
        await runner.stop(act.effect)
        #expect(hasBegun)
        _ = await report
        let folder = "\(place.receipts)/\(act.effect.text)"
        let claim = try String(contentsOfFile: "\(folder)/claim", encoding: .utf8)
        var words = claim.split(separator: " ").map(String.init)
        words[3] = "00000000-0000-0000-0000-000000000000"
        try Data(words.joined(separator: " ").utf8).write(to: URL(fileURLWithPath: "\(folder)/claim"))
        try FileManager.default.removeItem(atPath: "\(folder)/status")
        let asked = try await place.engine(term: 2).inquire(act, on: nil)
        guard case .inDoubt(_, mayStillRun: false) = asked.ending else {
            Issue.record("\(asked)")
            return
        }
    }

    // MARK: stopping

    @Test func `a stop is tried until the command is gone, also by the engine that comes after`() async throws {
        let place = try Place()
        let act = place.act(then: "trap '' TERM; while :; do sleep 1; done")
        let first = try place.engine()
        let lost = Task { await first.run(act, on: nil) { _ in } }
        try await place.waitForLedger()
        // The engine goes away, and the command stays.
        lost.cancel()
        _ = await lost.value
        let second = try place.engine(term: 2)
        async let report = second.inquire(act, on: nil)
        await second.stop(act.effect)
        #expect(await report.ending == .stopped)
        #expect(place.count == 1)
    }

    @Test func `a stop that the host refuses leaves the command in doubt, and says so`() async throws {
        let place = try Place()
        let act = place.act(then: "while :; do sleep 1; done")
        let old = try place.engine()
        async let report = old.run(act, on: nil) { _ in }
        try await place.waitForLedger()
        let young = try place.engine(term: 2)
        _ = await young.run(place.act("run.other.here.1.0"), on: nil) { _ in }
        await old.stop(act.effect)
        guard case .inDoubt(let reason, mayStillRun: true) = await report.ending else {
            Issue.record("an engine that was overtaken can stop nothing")
            return
        }
        #expect(reason.contains("told to stop"))
        async let end = young.inquire(act, on: nil)
        await young.stop(act.effect)
        #expect(await end.ending == .stopped)
    }

    // MARK: output

    @Test(arguments: [RepeatPolicy.guarded, .never])
    func `of much output no more than the act's share is kept, and it is said`(policy: RepeatPolicy) async throws {
        let place = try Place()
        var act = place.act(
            then: "i=0; while [ $i -lt 3000 ]; do echo \"line $i äöü\"; i=$((i+1)); done; echo last >&2",
            repeating: policy
        )
        act.outputLimit = 4_096
        let report = try await place.engine().run(act, on: nil) { _ in }
        #expect(report.ending == .exited(status: 0))
        #expect(report.standardOutput.utf8.count <= 4_096 && report.standardOutput.utf8.count > 4_000)
        #expect(report.standardOutput.hasPrefix("line 0 äöü\n"))
        #expect(report.isOutputCut)
        guard policy == .guarded else {
            return
        }
        #expect(report.standardOutput.hasSuffix("line 2999 äöü\n"))
        let asked = try await place.engine(term: 2).inquire(act, on: nil)
        #expect(asked.standardOutput.utf8.count <= 4_096 && asked.isOutputCut)
    }

    @Test func `what a command with secrets printed is not kept on the host`() async throws {
        let place = try Place()
        var act = place.act(then: "echo planted; echo planted >&2; exit 3")
        act.holdsSecrets = true
        let report = try await place.engine().run(act, on: nil) { _ in }
        #expect(report.standardOutput == "planted\n" && report.standardError == "planted\n")
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(place.receipts)/\(act.effect.text)")
        #expect(names.contains("status") && !names.contains("out") && !names.contains("err"))
        let asked = try await place.engine(term: 2).inquire(act, on: nil)
        #expect(asked.ending == .exited(status: 3))
        #expect(asked.standardOutput == "")
    }

    // MARK: this machine's own shell

    @Test(arguments: [RepeatPolicy.guarded, .never])
    func `time is kept although somebody who left the session holds the pipe`(policy: RepeatPolicy) async throws {
        let place = try Place()
        let act = place.act(
            then: "setsid sh -c 'echo $$ >\(place.folder)/holder; exec sleep 60' & wait",
            repeating: policy,
            timeout: .seconds(1)
        )
        let begun = ContinuousClock.now
        let report = try await place.engine().run(act, on: nil) { _ in }
        #expect(ContinuousClock.now - begun < .seconds(40))
        #expect(report.ending == .timedOut)
        let holder = try String(contentsOfFile: "\(place.folder)/holder", encoding: .utf8)
        if let process = pid_t(holder.trimmingCharacters(in: .whitespacesAndNewlines)) {
            kill(process, SIGKILL)
        }
    }

    @Test func `a command without a receipt on this machine is stopped with all its children`() async throws {
        let place = try Place()
        let runner = try place.engine()
        let act = place.act(then: "sh -c 'trap \"\" TERM; while :; do sleep 1; done' & wait", repeating: .never)
        async let report = runner.run(act, on: nil) { _ in }
        // It is stopped also if it never began: nothing else would end it.
        let hasBegun = await place.hasLedger()
        await runner.stop(act.effect)
        #expect(hasBegun)
        #expect(await report.ending == .stopped)
    }
}
