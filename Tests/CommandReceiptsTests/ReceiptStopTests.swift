// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Foundation
import Testing

/// Ending a command, and being sure that it has ended.
@Suite struct ReceiptStopTests {
    /// Whether a process is there and is not a corpse that nobody has collected.
    static func lives(_ process: String) -> Bool {
        guard let line = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else {
            return false
        }
        return !(line.split(separator: ")").last ?? "").hasPrefix(" Z")
    }

    /// A command that reports its processes' numbers and then stays.
    static func staying(_ host: TargetHost, _ id: String, _ script: String) throws -> (ReceiptCommand, Fifo) {
        let ready = try host.fifo("ready-\(id)")
        return (try host.command(id, ReceiptCommand.script("R='\(ready)'\n" + script)), ready)
    }

    static func processes(_ ready: Fifo) throws -> [String] {
        let list = try ready.line().split(separator: " ").map(String.init)
        try #require(!list.isEmpty)
        #expect(list.allSatisfy(Self.lives))
        return list
    }

    @Test(arguments: HostShell.installed)
    func `stop ends the command with its children and grandchildren`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let (command, ready) = try Self.staying(
            host,
            "family",
            #"sleep 1000 & a=$!; sh -c 'sleep 1000 & echo $! >"$0"; wait' "$R.child" & b=$!; read c <"$R.child"; echo $a $b $c $$ >"$R"; sleep 1000"#
        )
        _ = try host.fifo("ready-family.child")
        let front = try host.spawn(wrapper.start(command))
        let processes = try Self.processes(ready)
        #expect(processes.count == 4)
        let report = try host.send(wrapper.stop(command.id, begunAgo: .zero, grace: .seconds(20)), wrapper)
        #expect(report.answer == .done(ReceiptEnding(status: 143, cause: .stopped)))
        #expect(!processes.contains(where: Self.lives))
        #expect(front.report(wrapper).answer == report.answer)
        #expect(try host.ask(command.id, wrapper).answer == report.answer)
    }

    @Test(arguments: HostShell.installed)
    func `what ignores TERM gets KILL after the grace`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let (command, ready) = try Self.staying(
            host,
            "deaf",
            #"trap '' TERM; sleep 1000 & echo $! $$ >"$R"; wait; sleep 1000"#
        )
        let front = try host.spawn(wrapper.start(command))
        let processes = try Self.processes(ready)
        let report = try host.send(wrapper.stop(command.id, begunAgo: .zero, grace: .milliseconds(300)), wrapper)
        #expect(report.answer == .done(ReceiptEnding(status: 137, cause: .stopped)))
        #expect(!processes.contains(where: Self.lives))
        #expect(front.report(wrapper).answer == report.answer)
    }

    @Test(arguments: HostShell.installed)
    func `a grandchild that ignores TERM is gone before the stop is confirmed`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let (command, ready) = try Self.staying(
            host,
            "orphan",
            #"(trap '' TERM; sleep 1000) & sleep 0.2; echo $! $$ >"$R"; sleep 1000"#
        )
        let front = try host.spawn(wrapper.start(command))
        let processes = try Self.processes(ready)
        let report = try host.send(wrapper.stop(command.id, begunAgo: .zero, grace: .milliseconds(300)), wrapper)
        #expect(report.answer == .done(ReceiptEnding(status: 143, cause: .stopped)))
        #expect(!processes.contains(where: Self.lives))
        #expect(front.report(wrapper).answer == report.answer)
    }

    @Test(arguments: HostShell.installed)
    func `a command that outlives its budget is ended by its host, engine or no engine`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        var (command, ready) = try Self.staying(host, "slow", #"sleep 1000 & echo $! $$ >"$R"; echo partial; wait"#)
        command.budget = .seconds(4)
        let front = try host.spawn(wrapper.start(command))
        let processes = try Self.processes(ready)
        front.kill()
        let report = try host.send(wrapper.attach(command.id, patience: .seconds(60)), wrapper)
        #expect(report.answer == .done(ReceiptEnding(status: 143, cause: .timedOut)))
        #expect(report.standardOutput.head == Array("partial\n".utf8))
        #expect(!processes.contains(where: Self.lives))
    }

    @Test(arguments: HostShell.installed)
    func `stopping what never began closes the door`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let command = try ReceiptOnceTests.ledger(host, "unborn")
        let stop = wrapper.stop(command.id, begunAgo: .zero, grace: .zero)
        #expect(try host.send(stop, wrapper).answer == .never(sealed: true))
        #expect(try host.start(command, wrapper).answer == .refused(.sealed(because: "stopped")))
        #expect(host.lines("ledger").isEmpty)
    }

    @Test(arguments: HostShell.installed)
    func `stopping what has ended tells how it ended`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let command = try ReceiptOnceTests.ledger(host, "over", then: "exit 9")
        _ = try host.start(command, wrapper)
        let report = try host.send(wrapper.stop(command.id, begunAgo: .zero, grace: .zero), wrapper)
        #expect(report.answer == .done(ReceiptEnding(status: 9, cause: .exited)))
        #expect(report.standardOutput.head == Array("printed\n".utf8))
    }

    @Test(arguments: HostShell.installed)
    func `a killed supervisor leaves doubt, never an invented end`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let (command, ready) = try Self.staying(host, "headless", #"echo $$ >"$R"; sleep 1000"#)
        let front = try host.spawn(wrapper.start(command))
        let processes = try Self.processes(ready)
        let record = host.read(host.receipt(command.id, "pid")).split(separator: " ").map(String.init)
        let (supervisor, watcher) = (try #require(Int32(record[1])), try #require(Int32(record[5])))
        kill(watcher, SIGKILL)
        kill(supervisor, SIGKILL)
        guard case .running = front.report(wrapper).answer else {
            Issue.record("the command itself still runs")
            return
        }
        let stop = wrapper.stop(command.id, begunAgo: .zero, grace: .seconds(5))
        #expect(try host.send(stop, wrapper).answer == .doubt(.endNotRecorded))
        #expect(!processes.contains(where: Self.lives))
        #expect(try host.ask(command.id, wrapper).answer == .doubt(.endNotRecorded))
        #expect(try host.start(command, wrapper).answer == .doubt(.endNotRecorded))
    }

    @Test(arguments: HostShell.installed)
    func `a process number that is used again is not taken for the command`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let command = try ReceiptOnceTests.ledger(host, "reused")
        _ = try host.start(command, wrapper)
        // As if the supervisor had died before it wrote the status, and this test had got the command's number.
        try FileManager.default.removeItem(atPath: host.file(host.receipt(command.id, "status")))
        let here = ProcessInfo.processInfo.processIdentifier
        try "v1 \(here) 1 \(here) 1 \(here) .\n"
            .write(toFile: host.file(host.receipt(command.id, "pid")), atomically: true, encoding: .utf8)
        #expect(try host.ask(command.id, wrapper).answer == .doubt(.endNotRecorded))
        let stop = wrapper.stop(command.id, begunAgo: .zero, grace: .zero)
        #expect(try host.send(stop, wrapper).answer == .doubt(.endNotRecorded))
    }

    @Test func `a torn line is damage, not an answer`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        for (name, whole) in [("claim", "v1 claimed 1"), ("pid", "v1 12"), ("status", "v1 0 exi")] {
            let command = try ReceiptOnceTests.ledger(host, "torn-\(name)")
            _ = try host.start(command, wrapper)
            try whole.write(toFile: host.file(host.receipt(command.id, name)), atomically: true, encoding: .utf8)
            let expected: ReceiptDoubt = name == "status" ? .endNotRecorded : .damaged
            #expect(try host.ask(command.id, wrapper).answer == .doubt(expected))
        }
    }
}
