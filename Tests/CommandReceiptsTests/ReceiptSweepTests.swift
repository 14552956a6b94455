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

    @Test(arguments: HostShell.installed)
    func `a sweep takes what is over and old, and nothing else`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        for name in ["young", "old", "older", "elsewhere", "settled"] {
            _ = try host.start(ReceiptOnceTests.ledger(host, name), wrapper)
        }
        let (ready, go) = (try host.fifo("ready"), try host.fifo("go"))
        let running = try ReceiptOnceTests.ledger(host, "running", then: "echo 1 >'\(ready)'; read x <'\(go)'; exit 0")
        let front = try host.spawn(wrapper.start(running))
        _ = try ready.line()
        try self.age(host, ReceiptID("old"), by: .seconds(2 * 86_400))
        try self.age(host, ReceiptID("older"), by: .seconds(8 * 86_400))
        try self.age(host, running.id, by: .seconds(8 * 86_400))
        try self.age(host, ReceiptID("elsewhere"), by: .seconds(8 * 86_400), boot: "before")

        let sweep = wrapper.sweep(
            olderThan: .seconds(7 * 86_400),
            keepingAtMost: 100,
            settled: [try ReceiptID("settled")]
        )
        #expect(try host.send(sweep, wrapper).answer == .swept(removed: 2, kept: 4))
        let left = try FileManager.default.contentsOfDirectory(atPath: host.folder).filter { !$0.hasPrefix(".") }
        #expect(left.sorted() == ["elsewhere", "old", "running", "young"])

        // Above the number kept, age beyond a day is enough; below a day nothing is.
        #expect(
            try host.send(wrapper.sweep(olderThan: .seconds(7 * 86_400), keepingAtMost: 1), wrapper).answer
                == .swept(removed: 1, kept: 3)
        )
        #expect(
            try host.send(wrapper.sweep(olderThan: .zero, keepingAtMost: 0), wrapper).answer
                == .swept(removed: 0, kept: 3)
        )
        try go.release()
        #expect(front.report(wrapper).answer == ReceiptOnceTests.fine)
    }

    @Test func `a receipt that may have been swept is in doubt when the effect is old`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        let id = try ReceiptID("gone")
        let old = Duration.seconds(86_400)
        #expect(try host.send(wrapper.ask(id, begunAgo: old, sealing: false), wrapper).answer == .never(sealed: false))
        _ = try host.start(ReceiptOnceTests.ledger(host, "gone"), wrapper)
        _ = try host.send(wrapper.sweep(olderThan: .zero, keepingAtMost: 0, settled: [id]), wrapper)
        #expect(try host.send(wrapper.ask(id, begunAgo: old, sealing: true), wrapper).answer == .doubt(.maybeSwept))
        #expect(
            try host.send(wrapper.ask(id, begunAgo: old - .seconds(1), sealing: false), wrapper).answer
                == .never(sealed: false)
        )
    }

    @Test func `one sweep takes a bounded number`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        _ = try host.start(ReceiptOnceTests.ledger(host, "r"), wrapper)
        let settled = try (0..<(ReceiptWrapper.sweepBatch + 20)).map { try ReceiptID("copy-\($0)") }
        for id in settled {
            try FileManager.default.copyItem(atPath: host.folder + "/r", toPath: "\(host.folder)/\(id)")
        }
        let sweep = wrapper.sweep(olderThan: .zero, keepingAtMost: 10_000, settled: settled)
        #expect(try host.send(sweep, wrapper).answer == .swept(removed: ReceiptWrapper.sweepBatch, kept: 21))
        #expect(try host.send(sweep, wrapper).answer == .swept(removed: 20, kept: 1))
    }
}
