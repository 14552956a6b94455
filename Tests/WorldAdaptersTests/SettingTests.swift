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

/// Who runs a command, where, and with what, against a real sshd and a real sudo.
@Suite(.enabled(if: SudoHost.isPossible, "needs root, to make users, and sudo"))
struct SettingTests {
    private let host: SudoHost
    private let memory = PretendMemory()

    init() async throws {
        self.host = try await SudoHost()
    }

    private func engine(term: UInt64 = 1) throws -> ReceiptCommandRunner {
        ReceiptCommandRunner(
            client: try SSHClient(),
            term: Term(term),
            family: "test",
            localFolder: self.host.file("local"),
            memory: self.memory
        )
    }

    private func inventory() throws -> Inventory {
        var node = Node(name: "alpha", host: "127.0.0.1", roles: [])
        node.ssh = SSHAccess(
            address: "127.0.0.1",
            port: Int(self.host.port),
            user: self.host.login,
            hostKeys: [try self.host.text("host.pub")],
            identityFile: self.host.file("user")
        )
        return Inventory(clusterName: "lab", clusterID: "", nodes: [node], services: [])
    }

    private func act(
        _ script: String,
        _ setting: Act.Setting,
        repeating: RepeatPolicy = .guarded,
        timeout: Milliseconds = .seconds(60),
        number: Int = 1
    ) -> Act {
        Act(
            effect: EffectID("run.step.alpha.\(number).0"),
            step: "step",
            target: "alpha",
            attempt: 1,
            command: .arguments(["sh", "-c", script]),
            summary: "test",
            effectClass: .changes,
            repeating: repeating,
            timeout: timeout,
            setting: setting,
            askedAt: SystemWallClock().now
        )
    }

    private func run(_ act: Act, term: UInt64 = 1) async throws -> CommandReport {
        try await self.engine(term: term).run(act, on: act.node(in: self.inventory())) { _ in }
    }

    @Test(arguments: [RepeatPolicy.guarded, .never])
    func `a command is run as another user, with its environment, directory and input`(
        repeating: RepeatPolicy
    ) async throws {
        let setting = Act.Setting(
            become: Become(user: self.host.service),
            environment: [Act.Variable(name: "WORD", value: "it's $HOME; -n\n`id`")],
            directory: "/usr/share",
            input: Act.Variable(name: "stdin", value: "a line\nand more")
        )
        let report = try await self.run(
            self.act("id -un; pwd; printf '%s|' \"$WORD\"; cat", setting, repeating: repeating)
        )
        #expect(report.ending == .exited(status: 0))
        #expect(
            report.standardOutput == "\(self.host.service)\n/usr/share\nit's $HOME; -n\n`id`|a line\nand more"
        )
    }

    @Test func `without become it is whoever logs in, and reads nothing`() async throws {
        let report = try await self.run(self.act("id -un; cat", Act.Setting()))
        #expect(report.standardOutput == "\(self.host.login)\n")
    }

    @Test func `what sudo refuses was not sent, and sudo's words say why`() async throws {
        let touched = self.host.file("touched")
        let setting = Act.Setting(become: Become(user: self.host.forbidden))
        for repeating in [RepeatPolicy.guarded, .never] {
            let report = try await self.run(self.act("touch \(touched)", setting, repeating: repeating))
            guard case .notSent(let reason) = report.ending else {
                Issue.record("\(report.ending)")
                return
            }
            #expect(reason.contains("sudo") && reason.contains("password"))
            #expect(reason.contains("allow it in sudoers"))
        }
        #expect(!FileManager.default.fileExists(atPath: touched))
    }

    @Test func `a stop ends everything that the other user runs, and confirms it`() async throws {
        let act = self.act("sleep 4321 & sleep 4321", Act.Setting(become: Become(user: self.host.service)))
        let engine = try self.engine()
        let inventory = try self.inventory()
        async let running = engine.run(act, on: act.node(in: inventory)) { _ in }
        try await self.host.wait { self.host.processes(of: self.host.service, like: "4321") >= 2 }
        await engine.stop(act.effect)
        #expect(await running.ending == .stopped)
        #expect(self.host.processes(of: self.host.service, like: "4321") == 0)
    }

    @Test func `a command that itself ends with a sudo's status is not taken for one that sudo refused`() async throws {
        let setting = Act.Setting(become: Become(user: self.host.service))
        let act = self.act("echo 'sudo: a password is required' >&2; exit 1", setting, repeating: .never)
        let report = try await self.run(act)
        #expect(report.ending == .exited(status: 1))
        #expect(report.standardOutput == "")
    }

    // Goal: what TERM and KILL reach as the other user does not hang on the moment at which they come.
    @Test func `stops come at any moment, twenty times over, and each is confirmed`() async throws {
        let engine = try self.engine()
        let inventory = try self.inventory()
        for number in 0..<20 {
            // Only the command itself writes it: processes of the wrapper have its words in their arguments, too.
            let begun = self.host.file("\(self.host.service)/begun.\(number)")
            let stay = number % 2 == 0 ? "sleep 4322 & sleep 4322" : "trap '' TERM; while :; do sleep 0.4322; done"
            let act = self.act(
                "touch \(begun); \(stay)",
                Act.Setting(become: Become(user: self.host.service)),
                number: number + 1
            )
            async let running = engine.run(act, on: act.node(in: inventory)) { _ in }
            if number % 4 < 2 {
                try await self.host.wait { FileManager.default.fileExists(atPath: begun) }
            } else {
                await Task.yield()
            }
            await engine.stop(act.effect)
            switch await running.ending {
            case .stopped: break
            // The stop overtook it: then it never began.
            case .notSent where number % 4 >= 2: break
            case let other: Issue.record("stop \(number): \(other)")
            }
            #expect(self.host.processes(of: self.host.service, like: "4322") == 0)
        }
    }

    @Test func `the next engine asks as the same user, and nothing is done twice`() async throws {
        let ledger = self.host.file("\(self.host.service)/ledger")
        let act = self.act("echo done >>\(ledger); exit 7", Act.Setting(become: Become(user: self.host.service)))
        #expect(try await self.run(act).ending == .exited(status: 7))
        let asked = try await self.engine(term: 2).inquire(act, on: act.node(in: self.inventory()))
        #expect(asked.ending == .exited(status: 7))
        #expect(try String(contentsOfFile: ledger, encoding: .utf8) == "done\n")
    }

    @Test func `receipts may lie elsewhere for a user whose home takes none`() async throws {
        let home = self.host.file(self.host.service)
        chmod(home, 0o500)
        chown(home, 0, 0)
        let folder = self.host.file("receipts")
        let place = Become(user: self.host.service, receipts: folder)
        let refused = try await self.run(self.act("true", Act.Setting(become: Become(user: self.host.service))))
        guard case .notSent = refused.ending else {
            Issue.record("\(refused.ending)")
            return
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        chmod(folder, 0o777)
        let report = try await self.run(self.act("true", Act.Setting(become: place)), term: 2)
        #expect(report.ending == .exited(status: 0))
    }

    @Test(arguments: [RepeatPolicy.guarded, .never])
    func `no process shows the environment in its arguments`(repeating: RepeatPolicy) async throws {
        let secret = "planted-\(UUID().uuidString)"
        let started = self.host.file("\(self.host.service)/started")
        let go = self.host.file("\(self.host.service)/go")
        let act = self.act(
            "touch \(started); until [ -e \(go) ]; do sleep 0.05; done; [ \"$TOKEN\" ]",
            Act.Setting(
                become: Become(user: self.host.service),
                environment: [Act.Variable(name: "TOKEN", value: secret)],
                input: Act.Variable(name: "stdin", value: secret)
            ),
            repeating: repeating
        )
        async let report = self.run(act)
        try await self.host.wait { FileManager.default.fileExists(atPath: started) }
        var seen = 0
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") where pid_t(name) != nil {
            guard let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else { continue }
            seen += 1
            #expect(!String(decoding: line, as: UTF8.self).contains(secret))
        }
        #expect(seen > 5)
        _ = FileManager.default.createFile(atPath: go, contents: nil)
        #expect(try await report.ending == .exited(status: 0))
    }
}
