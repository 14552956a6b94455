// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Foundation
import Testing

@Suite struct ReceiptSweepTests {
    /// Makes a receipt look as if it had been claimed earlier in this boot, or in another.
    private func age(_ host: TargetHost, _ id: ReceiptID, by duration: Duration, boot: String? = nil) throws {
        let claim = host.receipt(id, "claim")
        var words = host.read(claim).split(separator: " ").map(String.init)
        words[4] = String(try #require(Int64(words[4])) - duration.components.seconds * 100)
        words[3] = boot ?? words[3]
        try words.joined(separator: " ").write(toFile: host.file(claim), atomically: true, encoding: .utf8)
    }

    private static let week = Duration.seconds(8 * 86_400)

    private func left(_ host: TargetHost) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: host.folder).filter { !$0.hasPrefix(".") }.sorted()
    }

    @Test(arguments: HostShell.installed)
    func `a sweep takes what is done, old and named, and nothing else`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let names = ["a.old.1", "a.young.1", "a.before.1", "a.cut.1", "b.old.1", "b.old.2", "ab.old.1"]
        for name in names {
            _ = try host.start(ReceiptOnceTests.ledger(host, name), wrapper)
        }
        let (ready, go) = (try host.fifo("ready"), try host.fifo("go"))
        let running = try ReceiptOnceTests.ledger(
            host,
            "a.running.1",
            then: "echo 1 >'\(ready)'; read x <'\(go)'; exit 0"
        )
        let front = try host.spawn(wrapper.start(running))
        _ = try ready.line()
        _ = try host.ask(ReceiptID("a.sealed.1"), wrapper, sealing: true)
        for name in ["a.old.1", "b.old.1", "b.old.2", "ab.old.1", running.id.text] {
            try self.age(host, ReceiptID(name), by: Self.week)
        }
        try self.age(host, ReceiptID("a.before.1"), by: Self.week, boot: "before")
        // The host went down before this one's end was written.
        try self.age(host, ReceiptID("a.cut.1"), by: Self.week, boot: "before")
        try FileManager.default.removeItem(atPath: host.file(host.receipt(ReceiptID("a.cut.1"), "status")))

        let (a, ab, b) = (try ReceiptID("a"), try ReceiptID("ab"), try ReceiptID("b"))
        #expect(try host.send(wrapper.list(), wrapper).answer == .stored(runs: [a, ab, b]))
        #expect(try host.send(wrapper.sweep([a]), wrapper).answer == .swept(removed: 2, kept: 4))
        let rest = ["a.cut.1", "a.running.1", "a.sealed.1", "a.young.1", "ab.old.1", "b.old.1", "b.old.2"]
        #expect(try self.left(host) == rest)
        #expect(try host.send(wrapper.list(), wrapper).answer == .stored(runs: [ab, b]))
        #expect(try host.send(wrapper.sweep([b, ab]), wrapper).answer == .swept(removed: 3, kept: 0))
        #expect(try host.send(wrapper.list(), wrapper).answer == .stored(runs: []))
        try go.release()
        #expect(front.report(wrapper).answer == ReceiptOnceTests.fine)
    }

    // Goal: a receipt that is gone never passes for a command that never ran, whatever the clocks say.
    @Test(arguments: HostShell.installed)
    func `what was swept is in doubt when asked for, is not started again, and is not sealed`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let command = try ReceiptOnceTests.ledger(host, "run.step.1")
        _ = try host.start(command, wrapper)
        try self.age(host, command.id, by: Self.week)
        #expect(try host.send(wrapper.sweep([ReceiptID("run")]), wrapper).answer == .swept(removed: 1, kept: 0))
        #expect(try host.ask(command.id, wrapper, sealing: true).answer == .doubt(.maybeSwept))
        #expect(
            try host.send(wrapper.stop(command.id, begunAgo: .zero, grace: .zero), wrapper).answer
                == .doubt(.maybeSwept)
        )
        #expect(try host.start(command, wrapper).answer == .refused(.sealed(because: "swept")))
        #expect(host.lines("ledger") == ["run.step.1"])
        #expect(try self.left(host).isEmpty)
        // Another run is not concerned.
        #expect(try host.start(ReceiptOnceTests.ledger(host, "runs.step.1"), wrapper).answer == ReceiptOnceTests.fine)
    }

    @Test func `no receipt of an old effect proves nothing, and neither where its age cannot be told`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        let id = try ReceiptID("gone.step.1")
        let aged: [Duration?] = [ReceiptWrapper.provesFor, .seconds(-1), nil]
        for age in aged {
            let asked = try host.send(wrapper.ask(id, begunAgo: age, sealing: true), wrapper)
            #expect(asked.answer == .doubt(.maybeSwept))
            let stopped = try host.send(wrapper.stop(id, begunAgo: age, grace: .zero), wrapper)
            #expect(stopped.answer == .doubt(.maybeSwept))
        }
        let young = ReceiptWrapper.provesFor - .seconds(1)
        #expect(
            try host.send(wrapper.ask(id, begunAgo: young, sealing: false), wrapper).answer == .never(sealed: false)
        )
    }

    @Test func `one sweep takes a bounded number, and names of swept runs are bounded too`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        let first = try ReceiptID("r.step.0")
        _ = try host.start(ReceiptOnceTests.ledger(host, first.text), wrapper)
        try self.age(host, first, by: Self.week)
        for number in 1..<(ReceiptWrapper.sweepBatch + 20) {
            try FileManager.default.copyItem(
                atPath: "\(host.folder)/\(first)",
                toPath: "\(host.folder)/r.step.\(number)"
            )
        }
        let sweep = try wrapper.sweep([ReceiptID("r")])
        #expect(try host.send(sweep, wrapper).answer == .swept(removed: ReceiptWrapper.sweepBatch, kept: 20))
        for number in 0..<ReceiptWrapper.sweptNames {
            let name = "\(host.folder)/.swept/q\(100_000 + number)"
            #expect(FileManager.default.createFile(atPath: name, contents: nil))
        }
        #expect(try host.send(sweep, wrapper).answer == .swept(removed: 20, kept: 0))
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(host.folder)/.swept").sorted()
        #expect(names.count == ReceiptWrapper.sweptNames)
        #expect(names.first == "q100001" && names.last == "r")
    }

    @Test func `the host names a bounded number of runs, those that sort first`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        let first = try ReceiptID("r100.step.0")
        _ = try host.start(ReceiptOnceTests.ledger(host, first.text), wrapper)
        try self.age(host, first, by: Self.week)
        for number in 101..<200 {
            let name = "\(host.folder)/r\(number).step.0"
            try FileManager.default.copyItem(atPath: "\(host.folder)/\(first)", toPath: name)
        }
        let runs = try (100..<(100 + ReceiptWrapper.sweepRuns)).map { try ReceiptID("r\($0)") }
        #expect(try host.send(wrapper.list(), wrapper).answer == .stored(runs: runs))
    }

    @Test func `where the names cannot be written nothing goes`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        let id = try ReceiptID("run.step.1")
        _ = try host.start(ReceiptOnceTests.ledger(host, id.text), wrapper)
        try self.age(host, id, by: Self.week)
        // A file in the place of the folder stops root, too.
        #expect(FileManager.default.createFile(atPath: "\(host.folder)/.swept", contents: nil))
        guard case .refused(.storeUnwritable) = try host.send(wrapper.sweep([ReceiptID("run")]), wrapper).answer else {
            Issue.record("it could not say so")
            return
        }
        #expect(try self.left(host) == ["run.step.1"])
    }
}
