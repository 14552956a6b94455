// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Foundation
import Glibc
import Testing

@Suite struct ReceiptStartTests {
    @Test(arguments: HostShell.installed)
    func `a command runs and its output and status come back`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let words = ReceiptCommand.script("echo out; echo err >&2; printf 'no end'; exit 3")
        let report = try host.start(host.command("first", words), wrapper)
        #expect(report.answer == .done(ReceiptEnding(status: 3, cause: .exited)))
        #expect(report.standardOutput == ReceiptOutput(head: Array("out\nno end".utf8)))
        #expect(report.standardError == ReceiptOutput(head: Array("err\n".utf8)))
        #expect(report.store?.incarnation == wrapper.incarnation)
    }

    @Test(arguments: HostShell.installed)
    func `every exit status comes back as it was`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let all = shell == .dash ? Array(0...255) : [0, 1, 2, 125, 126, 127, 128, 129, 137, 143, 254, 255]
        for status in all {
            let command = try host.command("exit-\(status)", ReceiptCommand.script("exit \(status)"))
            #expect(
                try host.start(command, wrapper).answer
                    == .done(ReceiptEnding(status: Int32(status), cause: .exited))
            )
        }
    }

    @Test(arguments: HostShell.installed)
    func `a death by signal is told by the status`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        for signal in [SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGUSR1] {
            let command = try host.command("signal-\(signal)", ReceiptCommand.script("kill -\(signal) $$; exit 1"))
            let ending = ReceiptEnding(status: 128 + signal, cause: .exited)
            #expect(try host.start(command, wrapper).answer == .done(ending))
            #expect(ending.presumedSignal == signal)
        }
    }

    @Test(arguments: HostShell.installed)
    func `a program that is not there is an ending, with the shell's words about it`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let report = try host.start(host.command("none", ["no-such-program"]), host.opened())
        #expect(report.answer == .done(ReceiptEnding(status: 127, cause: .exited)))
        #expect(String(decoding: report.standardError.head, as: UTF8.self).contains("no-such-program"))
    }

    @Test(arguments: HostShell.installed)
    func `every byte but NUL passes through arguments, environment and output`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let bytes = Array(UInt8(1)...255)
        var command = try host.command("bytes", ReceiptCommand.script(#"printf %s "$1"; printf %s "$VALUE" >&2"#))
        command.words.append(ShellWord(bytes: bytes))
        command.environment = [ReceiptCommand.Variable(name: "VALUE", value: ShellWord(bytes: bytes.reversed()))]
        let report = try host.start(command, host.opened())
        #expect(report.standardOutput.head == bytes)
        #expect(report.standardError.head == bytes.reversed())
    }

    @Test(arguments: HostShell.installed)
    func `standard input arrives with its NULs, and leaves no copy behind`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        var command = try host.command("input", ["cat"])
        command.standardInput = (0..<3).flatMap { _ in Array(UInt8(0)...255) } + Array("%s\\n%%'".utf8)
        let report = try host.start(command, host.opened())
        #expect(report.standardOutput.head == command.standardInput)
        #expect(!FileManager.default.fileExists(atPath: host.file(host.receipt(command.id, "in"))))
    }

    @Test func `without standard input a command reads end of file`() throws {
        let host = try TargetHost()
        let report = try host.start(host.command("eof", ["cat"]), host.opened())
        #expect(report.answer == .done(ReceiptEnding(status: 0, cause: .exited)))
        #expect(report.standardOutput == ReceiptOutput())
    }

    // Goal: no value a runbook can hold is changed on its way.
    // Method: 100,000 generated values in commands of 20,000, read back from the kernel's own copy of the arguments.
    @Test(arguments: HostShell.installed)
    func `a hundred thousand generated values arrive byte for byte`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        var generator = ValueGenerator(seed: 8_412)
        for batch in 0..<5 {
            let values = (0..<20_000).map { _ in generator.value() }
            var command = try host.command(
                "values-\(batch)",
                ReceiptCommand.script(#"cat "/proc/$$/cmdline"; :"#, arguments: values.map { ShellWord(bytes: $0) })
            )
            command.outputLimit = ReceiptCommand.Limits.outputPerStream
            let report = try host.spawn(wrapper.start(command)).report(wrapper, outputLimit: command.outputLimit)
            #expect(report.answer == .done(ReceiptEnding(status: 0, cause: .exited)))
            let words = report.standardOutput.head.split(separator: 0, omittingEmptySubsequences: false)
            try #require(words.count == 4 + values.count + 1)
            #expect(zip(values, words.dropFirst(4)).allSatisfy { $0.elementsEqual($1) })
        }
    }

    @Test(arguments: HostShell.installed)
    func `the command sees the login's environment, its own variables and nothing of ours`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        var command = try host.command("environment", ["env"])
        command.environment = [
            ReceiptCommand.Variable(name: "TOKEN", value: "it's $HOME"),
            ReceiptCommand.Variable(name: "LANG", value: "xx_XX.UTF-8"),
        ]
        let report = try host.send(wrapper.start(command), wrapper, environment: ["term": "kept", "state": "kept"])
        let lines = String(decoding: report.standardOutput.head, as: UTF8.self).split(separator: "\n")
        #expect(Set(lines).isSuperset(of: ["TOKEN=it's $HOME", "LANG=xx_XX.UTF-8", "term=kept", "state=kept"]))
        #expect(!lines.contains { $0.hasPrefix("SELFHEAL_") || $0.hasPrefix("h_") })
        #expect(report.standardError == ReceiptOutput())
    }

    @Test(arguments: HostShell.installed)
    func `the command heeds INT and QUIT, and holds no file of ours`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        let status = try host.start(host.command("signals", ["grep", "SigIgn", "/proc/self/status"]), wrapper)
        let ignored = String(decoding: status.standardOutput.head, as: UTF8.self).split(whereSeparator: \.isWhitespace)
            .last
        let mask = try #require(ignored.flatMap { UInt64($0, radix: 16) })
        #expect(mask & (1 << UInt64(SIGINT - 1) | 1 << UInt64(SIGQUIT - 1) | 1 << UInt64(SIGTERM - 1)) == 0)
        let files = try host.start(host.command("files", ["ls", "-l", "/proc/self/fd"]), wrapper)
        let held = String(decoding: files.standardOutput.head, as: UTF8.self).split(separator: "\n")
            .filter { $0.contains("/.selfheal/") }
        #expect(held.count == 2, "standard output and error, and no more")
    }

    @Test func `a command starts in its folder, and not at all where that is missing`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        var command = try host.command("there", ["pwd"])
        command.workingDirectory = "/usr/bin"
        #expect(try host.start(command, wrapper).standardOutput.head == Array("/usr/bin\n".utf8))
        command = try host.command("nowhere", ["touch", ShellWord(host.file("ledger"))])
        command.workingDirectory = "/no/such/folder"
        guard case .refused(.noWorkingDirectory(let text)) = try host.start(command, wrapper).answer else {
            Issue.record("not refused")
            return
        }
        #expect(text.contains("/no/such/folder"))
        #expect(try host.ask(command.id, wrapper).answer == .never(sealed: false))
        #expect(!FileManager.default.fileExists(atPath: host.file("ledger")))
    }

    @Test(arguments: HostShell.installed)
    func `of long output both ends are kept, and the middle is said to be missing`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        var command = try host.command("long", ReceiptCommand.script("seq 100000; seq 30 >&2"))
        command.outputLimit = 50
        let report = try host.spawn(wrapper.start(command)).report(wrapper, outputLimit: 50)
        let whole = (1...100_000).map { "\($0)\n" }.joined()
        #expect(report.standardOutput.isTruncated)
        #expect(report.standardOutput.head == Array(whole.utf8.prefix(50)))
        #expect(report.standardOutput.tail == Array(whole.utf8.suffix(50)))
        // 81 bytes fit into twice 50, so they are sent whole.
        #expect(report.standardError == ReceiptOutput(head: Array((1...30).map { "\($0)\n" }.joined().utf8)))
    }

    // Goal: a chatty command neither fills the disk nor dies of it.
    // Method: write 20 MB, wait to be cut, write on, end; the file must be small and both ends right.
    @Test(arguments: HostShell.installed)
    func `output that grows too large is cut under the command's feet`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let wrapper = try host.opened()
        var command = try host.command("chatty", [])
        command.words = ReceiptCommand.script(
            """
            echo begin
            i=0; while [ $i -lt 20 ]; do head -c 1000000 /dev/zero; i=$((i + 1)); done
            until [ -e "$1.head" ] && [ "$(wc -c <"$1")" -lt 1000 ]; do sleep 0.1; done
            echo end
            """,
            arguments: [ShellWord(host.file(host.receipt(command.id, "out")))]
        )
        command.outputLimit = 1_000
        let report = try host.spawn(wrapper.start(command)).report(wrapper, outputLimit: 1_000)
        #expect(report.answer == .done(ReceiptEnding(status: 0, cause: .exited)))
        #expect(report.standardOutput.isTruncated)
        #expect(report.standardOutput.head == Array("begin\n".utf8) + Array(repeating: 0, count: 994))
        #expect(report.standardOutput.tail == Array(repeating: 0, count: 996) + Array("end\n".utf8))
        let size = try FileManager.default.attributesOfItem(atPath: host.file(host.receipt(command.id, "out")))[.size]
        #expect(try #require(size as? Int) < 100_000)
    }

    @Test func `a wrapper whose signals are blocked still answers`() throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        let command = try host.command("blocked", ReceiptCommand.script("echo here"))
        let front = try host.spawn(wrapper.start(command), blocked: Array(1...31))
        let report = front.report(wrapper)
        #expect(report.answer == .done(ReceiptEnding(status: 0, cause: .exited)))
        #expect(report.standardOutput.head == Array("here\n".utf8))
    }
}

/// The same numbers on every run: splitmix64.
struct SeededGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        self.state = seed
    }

    mutating func next(below bound: Int) -> Int {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }
}

/// Makes values that shells like to misread.
struct ValueGenerator {
    private static let pieces: [[UInt8]] =
        [
            "'", "\"", "\\", "$", "`", "$(id)", "${HOME}", "$'\\n'", "\n", "\t", "\r", " ", "  ", "-", "--", "-n", "-e",
            "*",
            "?", "[a]", "~", "!", "!!", "#", ";", "&", "&&", "|", ">", "<", "(", ")", "{", "}", "%", "%s", "%%", "=",
            "''",
            "'\\''", "é", "ß", "漢字", "🜂", "\u{202e}", "\u{7f}", "a", "value", "0",
        ].map { Array($0.utf8) } + (UInt8(1)...255).map { [$0] }

    private var generator: SeededGenerator

    init(seed: UInt64) {
        self.generator = SeededGenerator(seed: seed)
    }

    mutating func value() -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<self.generator.next(below: 9) {
            bytes += Self.pieces[self.generator.next(below: Self.pieces.count)]
        }
        return bytes
    }
}
