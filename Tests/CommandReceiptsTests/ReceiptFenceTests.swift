// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Foundation
import Glibc
import Testing

/// What a host refuses, and what it admits not to know.
@Suite struct ReceiptFenceTests {
    @Test(arguments: HostShell.installed)
    func `an older term is refused by every verb, a newer one is taken up`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let old = try host.opened(term: 4)
        #expect(try host.start(ReceiptOnceTests.ledger(host, "one"), old).answer == ReceiptOnceTests.fine)
        let new = try host.opened(term: 9_223_372_036_854_775_807)
        let refusal = ReceiptAnswer.refused(.olderTerm(current: 9_223_372_036_854_775_807))
        let late = try ReceiptOnceTests.ledger(host, "late")
        #expect(try host.start(late, old).answer == refusal)
        #expect(try host.send(old.open(), old).answer == refusal)
        #expect(try host.ask(late.id, old, sealing: true).answer == refusal)
        #expect(try host.send(old.attach(late.id, patience: .zero), old).answer == refusal)
        #expect(try host.send(old.stop(late.id, begunAgo: .zero, grace: .zero), old).answer == refusal)
        #expect(try host.send(old.list(), old).answer == refusal)
        #expect(try host.send(old.sweep([ReceiptID("one")]), old).answer == refusal)
        #expect(try host.start(late, new).answer == ReceiptOnceTests.fine)
        #expect(host.lines("ledger") == ["one", "late"])
    }

    @Test(arguments: HostShell.installed)
    func `terms are compared as numbers, and asking alone raises them`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let nine = try host.opened(term: 9)
        let ten = try host.wrapper(term: 10, incarnation: nine.incarnation)
        #expect(try host.ask(ReceiptID("x"), ten).answer == .never(sealed: false))
        #expect(try host.start(ReceiptOnceTests.ledger(host, "x"), nine).answer == .refused(.olderTerm(current: 10)))
        #expect(host.lines("ledger").isEmpty)
    }

    @Test(arguments: HostShell.installed)
    func `two engines that race are told apart after the claim`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened(term: 1)
        let command = try ReceiptOnceTests.ledger(host, "race")
        // The newer engine speaks while the older's claim is on its way to the disk.
        let script = try Sabotage.apply(
            [("h_launch() {\n", "h_launch() {\nprintf '' >\"$h_s/.terms/2\"\n")],
            to: wrapper.start(command)
        )
        #expect(try host.send(script, wrapper).answer == .refused(.olderTerm(current: 2)))
        let newer = try host.wrapper(term: 2, incarnation: wrapper.incarnation)
        #expect(try host.ask(command.id, newer).answer == .never(sealed: true))
        #expect(host.lines("ledger").isEmpty)
    }

    @Test(arguments: HostShell.installed)
    func `a spent budget is refused before and after the claim`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        var command = try ReceiptOnceTests.ledger(host, "spent")
        command.budget = .zero
        #expect(try host.start(command, wrapper).answer == .refused(.budgetSpent))
        #expect(try host.ask(command.id, wrapper).answer == .never(sealed: false))

        // The disk took an hour: pretend to have arrived that much earlier.
        var slow = try ReceiptOnceTests.ledger(host, "slow")
        slow.budget = .seconds(10)
        let script = try Sabotage.apply(
            [("h_launch() {\n", "h_launch() {\nh_arrived=$((h_arrived - 360000))\n")],
            to: wrapper.start(slow)
        )
        #expect(try host.send(script, wrapper).answer == .refused(.budgetSpent))
        #expect(try host.ask(slow.id, wrapper).answer == .never(sealed: true))
        #expect(try host.start(slow, wrapper).answer == .refused(.sealed(because: "budget")))
        #expect(host.lines("ledger").isEmpty)
    }

    @Test func `a deadline on the host's clock covers the way to the host`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        let arrival = try #require(try host.send(wrapper.open(), wrapper).store).arrival
        var command = try ReceiptOnceTests.ledger(host, "late")
        command.deadline = arrival
        #expect(try host.start(command, wrapper).answer == .refused(.budgetSpent))
        command.deadline = HostMoment(boot: "another", sinceBoot: arrival.sinceBoot + .seconds(60))
        #expect(try host.start(command, wrapper).answer == .refused(.budgetSpent))
        #expect(host.lines("ledger").isEmpty)
        command.deadline = arrival.advanced(by: .seconds(60))
        #expect(try host.start(command, wrapper).answer == ReceiptOnceTests.fine)
    }

    @Test(arguments: HostShell.installed)
    func `what was asked for and sealed can no longer start`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let command = try ReceiptOnceTests.ledger(host, "sealed")
        #expect(try host.ask(command.id, wrapper).answer == .never(sealed: false))
        #expect(try host.ask(command.id, wrapper, sealing: true).answer == .never(sealed: true))
        #expect(try host.ask(command.id, wrapper, sealing: true).answer == .never(sealed: true))
        #expect(try host.start(command, wrapper).answer == .refused(.sealed(because: "asked")))
        #expect(host.lines("ledger").isEmpty)
    }

    @Test(arguments: HostShell.installed)
    func `a start racing with a seal is either run or void, and both sides agree`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        var ran = 0
        for round in 0..<20 {
            let command = try ReceiptOnceTests.ledger(host, "round-\(round)")
            let start = try host.spawn(wrapper.start(command))
            let ask = try host.spawn(wrapper.ask(command.id, begunAgo: .zero, sealing: true))
            let (told, answered) = (start.report(wrapper).answer, ask.report(wrapper).answer)
            if told == ReceiptOnceTests.fine {
                ran += 1
                switch answered {
                case .running, .done: break
                default: Issue.record("it ran, and the other was told \(answered)")
                }
            } else {
                #expect(answered == .never(sealed: true))
            }
        }
        #expect(host.lines("ledger").count == ran)
    }

    @Test(arguments: HostShell.installed)
    func `claims that were never followed up are void, not in doubt`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        for (name, fault) in [("bare", "h_claim() {\nmkdir \"$h_e\"; exit\n"), ("claimed", "h_claim() {\n")] {
            let command = try ReceiptOnceTests.ledger(host, name)
            let died = [("h_claim() {\n", fault), ("h_launch() {\n", "h_launch() {\nexit\n")]
            let report = try host.send(Sabotage.apply(died, to: wrapper.start(command)), wrapper)
            guard case .doubt(.unreadable) = report.answer else {
                Issue.record("the wrapper did not break off: \(report.answer)")
                continue
            }
            #expect(try host.ask(command.id, wrapper).answer == .never(sealed: true))
            guard case .refused(.sealed) = try host.start(command, wrapper).answer else {
                Issue.record("not sealed")
                continue
            }
        }
        #expect(host.lines("ledger").isEmpty)
    }

    @Test(arguments: HostShell.installed)
    func `after another boot there is doubt, whatever the receipt says`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let command = try ReceiptOnceTests.ledger(host, "rebooted", then: "exit 3")
        _ = try host.start(command, wrapper)
        let claim = host.receipt(command.id, "claim")
        let words = host.read(claim).split(separator: " ").map(String.init)
        let forged = (words[0..<3] + ["00000000-0000-0000-0000-000000000000"] + words[4...]).joined(separator: " ")
        try forged.write(toFile: host.file(claim), atomically: true, encoding: .utf8)
        #expect(try host.ask(command.id, wrapper).answer == .doubt(.restarted(recordedStatus: 3)))
        #expect(try host.start(command, wrapper).answer == .doubt(.restarted(recordedStatus: 3)))
        try FileManager.default.removeItem(atPath: host.file(host.receipt(command.id, "status")))
        #expect(try host.ask(command.id, wrapper).answer == .doubt(.restarted(recordedStatus: nil)))
        #expect(host.lines("ledger") == ["rebooted"])
    }

    @Test(arguments: HostShell.installed)
    func `a lost store is noticed, even when another has taken its place`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let command = try ReceiptOnceTests.ledger(host, "lost")
        _ = try host.start(command, wrapper)
        try FileManager.default.removeItem(atPath: host.folder)
        #expect(try host.ask(command.id, wrapper).answer == .doubt(.anotherStore(found: nil)))
        #expect(try host.start(command, wrapper).answer == .refused(.anotherStore(found: nil)))
        let fresh = try host.opened()
        #expect(fresh.incarnation != wrapper.incarnation)
        #expect(try host.ask(command.id, wrapper).answer == .doubt(.anotherStore(found: fresh.incarnation)))
        #expect(try host.start(command, wrapper).answer == .refused(.anotherStore(found: fresh.incarnation)))
        #expect(host.lines("ledger") == ["lost"])
    }

    @Test func `a receipt that vanishes while the command runs is never read as never`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        let (ready, go) = (try host.fifo("ready"), try host.fifo("go"))
        let command = try ReceiptOnceTests.ledger(host, "gone", then: "echo 1 >'\(ready)'; read x <'\(go)'")
        let front = try host.spawn(wrapper.start(command))
        _ = try ready.line()
        try FileManager.default.removeItem(atPath: host.folder + "/gone")
        try go.release()
        #expect(front.report(wrapper).answer == .doubt(.receiptVanished))
    }

    @Test func `fifty engines opening one store agree on its incarnation`() throws {
        let host = try TargetHost()
        let wrapper = try host.wrapper()
        let fronts = try (0..<50).map { _ in try host.spawn(wrapper.open()) }
        let reports = fronts.map { $0.report(wrapper) }
        #expect(reports.allSatisfy { $0.answer == .opened })
        #expect(Set(reports.map { $0.store?.incarnation }).count == 1)
    }

    @Test(arguments: ["/usr/bin/fish", "/usr/bin/tcsh"])
    func `a login shell that is no POSIX shell is refused by name`(login: String) throws {
        let host = try TargetHost()
        let wrapper = try host.wrapper()
        let report = try host.send(wrapper.open(), wrapper, login: login)
        #expect(report.answer == .refused(.unsupportedShell(login)))
        #expect(!FileManager.default.fileExists(atPath: host.folder))
    }

    @Test(
        arguments: ["/bin/zsh", "/bin/mksh", "/bin/bash"].filter { FileManager.default.isExecutableFile(atPath: $0) }
    )
    func `other POSIX login shells pass our line on`(login: String) throws {
        let host = try TargetHost()
        let wrapper = try host.wrapper()
        #expect(try host.send(wrapper.open(), wrapper, login: login).answer == .opened)
    }

    @Test func `an account that may not log in is refused with what it said`() throws {
        let host = try TargetHost()
        let wrapper = try host.wrapper()
        let report = try host.send(wrapper.open(), wrapper, login: "/usr/sbin/nologin")
        guard case .refused(.unsupportedShell(let said)) = report.answer else {
            Issue.record("not refused: \(report.answer)")
            return
        }
        #expect(said.contains("not available"))
    }

    @Test func `who runs on this machine may have any shell`() throws {
        let host = try TargetHost()
        let store = try ReceiptStore(folder: host.file("own store"), access: .direct)
        let wrapper = try host.wrapper(store: store)
        #expect(try host.send(wrapper.open(), wrapper, environment: ["SHELL": "/usr/bin/fish"]).answer == .opened)
        #expect(FileManager.default.fileExists(atPath: host.file("own store/.incarnation")))
    }

    @Test func `become stands before everything, receipts included`() throws {
        let host = try TargetHost()
        let store = try ReceiptStore(become: ["env", "HOME=\(host.file("other user's"))"])
        try FileManager.default.createDirectory(atPath: host.file("other user's"), withIntermediateDirectories: true)
        let wrapper = try host.wrapper(store: store)
        #expect(try host.send(wrapper.open(), wrapper).answer == .opened)
        #expect(FileManager.default.fileExists(atPath: host.file("other user's/.selfheal/effects/.incarnation")))
    }
}
