// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Foundation
import Glibc
import Testing

/// A command happens at most once, whatever is sent twice, late, in part or while the connection breaks.
@Suite struct ReceiptOnceTests {
    /// Appends a line to a ledger: what the world has seen of a command.
    static func ledger(_ host: TargetHost, _ id: String, then script: String = "") throws -> ReceiptCommand {
        try host.command(id, ReceiptCommand.script("echo \(id) >>'\(host.file("ledger"))'; echo printed; \(script)"))
    }

    static let fine = ReceiptAnswer.done(ReceiptEnding(status: 0, cause: .exited))

    @Test(arguments: HostShell.installed)
    func `a start sent again answers with the first one's end`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let command = try Self.ledger(host, "again", then: "exit 7")
        for _ in 0..<3 {
            let report = try host.start(command, wrapper)
            #expect(report.answer == .done(ReceiptEnding(status: 7, cause: .exited)))
            #expect(report.standardOutput.head == Array("printed\n".utf8))
        }
        #expect(host.lines("ledger") == ["again"])
    }

    @Test(arguments: HostShell.installed)
    func `fifty starts at once run the command once, and all learn its end`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let command = try Self.ledger(host, "crowd")
        let fronts = try (0..<50).map { _ in try host.spawn(wrapper.start(command)) }
        let reports = fronts.map { $0.report(wrapper) }
        #expect(reports.allSatisfy { $0.answer == Self.fine })
        #expect(reports.allSatisfy { $0.standardOutput.head == Array("printed\n".utf8) })
        #expect(host.lines("ledger") == ["crowd"])
    }

    @Test(arguments: HostShell.installed)
    func `a killed connection does not kill the command, and a restarted engine finds out`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let (ready, go) = (try host.fifo("ready"), try host.fifo("go"))
        let command = try Self.ledger(host, "dropped", then: "echo 1 >'\(ready)'; read x <'\(go)'; echo after; exit 5")
        let front = try host.spawn(wrapper.start(command))
        _ = try ready.line()
        front.kill()

        let restarted = try host.opened(term: 2)
        guard case .running(let age) = try host.ask(command.id, restarted).answer else {
            Issue.record("not running")
            return
        }
        #expect(age < .seconds(60))
        let attached = try host.spawn(restarted.attach(command.id, patience: .seconds(60)))
        try go.release()
        let report = attached.report(restarted)
        #expect(report.answer == .done(ReceiptEnding(status: 5, cause: .exited)))
        #expect(report.standardOutput.head == Array("printed\nafter\n".utf8))
        #expect(try host.ask(command.id, restarted).answer == report.answer)
        #expect(try host.start(command, restarted).answer == report.answer)
        #expect(host.lines("ledger") == ["dropped"])
    }

    @Test func `attaching goes on where the output broke off, and gives up when patience is over`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        let (ready, go) = (try host.fifo("ready"), try host.fifo("go"))
        let command = try Self.ledger(host, "offsets", then: "echo 1 >'\(ready)'; read x <'\(go)'; echo after")
        let front = try host.spawn(wrapper.start(command))
        _ = try ready.line()
        let early = try host.send(wrapper.attach(command.id, patience: .zero), wrapper)
        guard case .running = early.answer else {
            Issue.record("not running: \(early.answer)")
            return
        }
        #expect(early.standardOutput.head == Array("printed\n".utf8))
        try go.release()
        #expect(front.report(wrapper).answer == Self.fine)
        let offsets = ReceiptOutputOffsets(standardOutput: early.standardOutput.head.count)
        let rest = try host.send(wrapper.attach(command.id, patience: .seconds(60), after: offsets), wrapper)
        #expect(rest.answer == Self.fine)
        #expect(rest.standardOutput.head == Array("after\n".utf8))
    }

    // Goal: a program that arrives in part does nothing.
    // Method: cut it at many places, among them every one near its end, and look for traces on the host.
    @Test(arguments: HostShell.installed)
    func `a program cut short does nothing`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.wrapper()
        let command = try Self.ledger(host, "cut")
        var script = try wrapper.start(command)
        // Creating the store would be a trace, too.
        script.standardInput = try Sabotage.apply([("h_create=''", "h_create='1'")], to: script).standardInput
        let whole = script.standardInput
        let cuts =
            stride(from: 0, to: whole.count - 120, by: 173).map { $0 } + Array((whole.count - 120)..<(whole.count - 1))
        for cut in cuts {
            let partial = RemoteScript(commandLine: script.commandLine, standardInput: Array(whole.prefix(cut)))
            let report = try host.send(partial, wrapper)
            #expect(report.store == nil)
            #expect(!FileManager.default.fileExists(atPath: host.folder), "cut at \(cut) of \(whole.count)")
        }
        #expect(try host.send(script, wrapper).answer == Self.fine, "the whole program works")
        #expect(host.lines("ledger") == ["cut"])
    }

    @Test(arguments: HostShell.installed)
    func `a daemon that the command leaves behind does not hold it up, and lives on`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let (go, heard) = (try host.fifo("go"), try host.fifo("heard"))
        let command = try host.command(
            "daemon",
            ReceiptCommand.script("{ read x <'\(go)'; echo alive >'\(heard)'; } & echo started")
        )
        let report = try host.start(command, wrapper)
        #expect(report.answer == Self.fine)
        #expect(report.standardOutput.head == Array("started\n".utf8))
        #expect(try host.send(wrapper.stop(command.id, begunAgo: .zero, grace: .zero), wrapper).answer == Self.fine)
        try go.release()
        #expect(try heard.line() == "alive")
    }

    // Goal: at whatever moment the connection dies, the restarted engine's answer and the world agree.
    // Method: kill the connection after a random time, ask and seal, follow what runs, and compare with the ledger.
    @Test(arguments: HostShell.installed)
    func `a connection killed at any moment leaves a truthful answer`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        var generator = SeededGenerator(seed: 20_261_121)
        let whole = try ContinuousClock().measure { _ = try host.start(host.command("measure", ["true"]), wrapper) }
        var span = Int(whole / .microseconds(1)) * 2
        var done: [String] = []
        var never = 0
        for round in 0..<200 where round < 30 || never == 0 || done.isEmpty {
            let command = try Self.ledger(host, "kill-\(round)")
            let front = try host.spawn(wrapper.start(command))
            usleep(UInt32(generator.next(below: span)))
            front.kill()
            var answer = try host.ask(command.id, wrapper, sealing: true).answer
            if case .running = answer {
                answer = try host.send(wrapper.attach(command.id, patience: .seconds(60)), wrapper).answer
            }
            switch answer {
            // How long a start takes changes with what else the machine does, so the moments follow it.
            case .never(sealed: true):
                never += 1
                span = span * 5 / 4
            case Self.fine:
                done.append(command.id.text)
                span = span * 4 / 5 + 1
            default: Issue.record("round \(round): \(answer)")
            }
        }
        #expect(host.lines("ledger").sorted() == done.sorted())
        #expect(never > 0 && !done.isEmpty, "the moments must lie on both sides of the start")
    }

    // Goal: the tests above would notice if the claim were gone.
    // Method: take the locks out of the program one after the other and count what the ledger saw.
    @Test(arguments: HostShell.installed)
    func `without its claim the command would run twice, and the ledger shows it`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        var faults: [(String, String)] = []
        let locks = [
            [(#"if [ ! -e "$h_e" ]; then"#, "if :; then"), (#"mkdir -m 700 "$h_e" ||"#, #"mkdir -p "$h_e" ||"#)],
            [("set -C\n", ":\n")],
            [(#"ln "$h_e/own.$$""#, #"ln -f "$h_e/own.$$""#)],
        ]
        for (removed, lock) in locks.enumerated() {
            faults += lock
            let command = try Self.ledger(host, "without-\(removed + 1)")
            for _ in 0..<2 {
                _ = try host.send(Sabotage.apply(faults, to: wrapper.start(command)), wrapper)
            }
        }
        #expect(
            host.lines("ledger") == ["without-1", "without-2", "without-3", "without-3"],
            "the folder, the claim and the process's line are three locks on one door"
        )
    }
}

/// Plants a fault in a program.
enum Sabotage {
    static func apply(_ faults: [(String, String)], to script: RemoteScript) throws -> RemoteScript {
        var text = String(decoding: script.standardInput, as: UTF8.self)
        for (old, new) in faults {
            try #require(text.contains(old), "the program no longer says '\(old)'")
            text = text.replacing(old, with: new)
        }
        return RemoteScript(commandLine: script.commandLine, standardInput: Array(text.utf8))
    }
}
