// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Testing

/// What a host answers of itself; that it answers so is tested against real servers.
@Suite struct HostExaminationTests {
    private static let nonce = "0123456789abcdef"

    private func portrait(_ lines: String...) throws -> HostSelfPortrait? {
        let examination = HostExamination(store: try ReceiptStore(), nonce: Self.nonce)
        return examination.answer(Array(lines.joined(separator: "\n").utf8))
    }

    @Test func `lines with the nonce are read, and nothing else is`() throws {
        let portrait = try #require(
            try self.portrait(
                "Welcome to zk1",
                "writable no",
                "\(Self.nonce) hello 1",
                "\(Self.nonce) time 1795000000",
                "\(Self.nonce) shell /bin/bash",
                "\(Self.nonce) folder /root/.selfheal/effects",
                "\(Self.nonce) nearest /root",
                "\(Self.nonce) writable yes",
                "ffff writable no",
                "\(Self.nonce) space /dev/sda1 with blanks 102400 51200 40960 56% /"
            )
        )
        #expect(portrait.secondsSinceEpoch == 1_795_000_000)
        #expect(portrait.shell == "/bin/bash")
        #expect(portrait.nearest == "/root" && portrait.isWritable)
        #expect(portrait.freeKibibytes == 40_960)
        #expect(portrait.refusal == nil)
    }

    @Test func `a refusal is the one that a command would get`() throws {
        let portrait = try self.portrait("\(Self.nonce) hello 1", "\(Self.nonce) answer refused shell /usr/bin/fish")
        #expect(portrait?.refusal == .unsupportedShell("/usr/bin/fish"))
    }

    @Test func `without our greeting the program did not run there`() throws {
        #expect(try self.portrait("This account is not available.") == nil)
        #expect(try self.portrait("\(Self.nonce) writable yes") == nil)
    }

    @Test func `what is garbled is unknown and not guessed`() throws {
        let portrait = try self.portrait(
            "\(Self.nonce) hello 1",
            "\(Self.nonce) time soon",
            "\(Self.nonce) space",
            "\(Self.nonce) space 12%"
        )
        #expect(portrait?.secondsSinceEpoch == nil && portrait?.freeKibibytes == nil)
    }

    @Test func `the program writes nothing but its answer`() throws {
        let script = HostExamination(store: try ReceiptStore(), nonce: Self.nonce).script
        let text = String(decoding: script.standardInput, as: UTF8.self)
        for word in ["mkdir", "rm ", "ln ", "sync", "touch", "chmod"] {
            #expect(!text.contains("h_examine() {\n\(word)") && !Self.body(of: "h_examine", in: text).contains(word))
        }
    }

    private static func body(of function: String, in program: String) -> Substring {
        guard let start = program.firstRange(of: "\(function)() {") else {
            return program[...]
        }
        let rest = program[start.upperBound...]
        return rest.firstRange(of: "\n}").map { rest[..<$0.lowerBound] } ?? rest
    }
}
