// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunVocabulary
import SSHClient
import Testing

/// Commands that run, on a real sshd.
@Suite struct SSHCommandTests {
    let server: TestServer
    let host: SSHHost
    let client: SSHClient

    init() throws {
        self.server = try TestServer()
        self.host = try self.server.host()
        self.client = try SSHClient()
    }

    @Test func `output, error output and exit status come back as they were`() async throws {
        let result = try await self.client.run(
            "printf 'a\\000b'; printf oops >&2; exit 7",
            on: self.host,
            timeout: .seconds(30)
        )
        #expect(result.standardOutput == Array("a\0b".utf8))
        #expect(result.standardError == Array("oops".utf8))
        #expect(result.exitStatus == 7)
        #expect(result.signal == nil)
        #expect(!result.outputTruncated)
        #expect(!result.succeeded)
    }

    @Test(arguments: ["ed25519", "ecdsa", "rsa"])
    func `every kind of key lets us in`(type: String) async throws {
        try self.server.makeKey("mine", type: type)
        try self.server.authorize("mine")
        let host = try self.server.host(key: "mine")
        #expect(try await self.client.run("true", on: host, timeout: .seconds(30)).succeeded)
    }

    @Test func `a megabyte on each stream arrives whole`() async throws {
        let megabyte = 1 << 20
        let result = try await self.client.run(
            "head -c \(megabyte) /dev/zero | tr '\\000' x; head -c \(megabyte) /dev/zero | tr '\\000' y >&2",
            on: self.host,
            timeout: .seconds(60)
        )
        #expect(result.standardOutput == [UInt8](repeating: UInt8(ascii: "x"), count: megabyte))
        #expect(result.standardError == [UInt8](repeating: UInt8(ascii: "y"), count: megabyte))
        #expect(!result.outputTruncated)
    }

    @Test func `output beyond the limit is dropped and the command is not disturbed`() async throws {
        let result = try await self.client.run(
            "seq 300000; printf end >&2",
            on: self.host,
            timeout: .seconds(60),
            outputLimit: 10
        )
        #expect(result.standardOutput == Array("1\n2\n3\n4\n5\n".utf8))
        #expect(result.standardError == Array("end".utf8))
        #expect(result.outputTruncated)
        #expect(result.exitStatus == 0)
    }

    @Test func `output is shown while it arrives, and no more of it than is kept`() async throws {
        let shown = Shown()
        let result = try await self.client.run(
            "printf one; printf two >&2; printf 4567890",
            on: self.host,
            timeout: .seconds(30),
            outputLimit: 8,
            onOutput: { shown.add($0) }
        )
        #expect(shown.bytes(.standardOutput) == Array("one45678".utf8))
        #expect(shown.bytes(.standardError) == Array("two".utf8))
        #expect(result.standardOutput == shown.bytes(.standardOutput))
        #expect(result.outputTruncated)
    }

    @Test(arguments: [0, 1, 100_000, 5_000_000])
    func `standard input arrives whole, and then ends`(count: Int) async throws {
        let input = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let result = try await self.client.run(
            "cat",
            on: self.host,
            standardInput: input,
            timeout: .seconds(60),
            outputLimit: count
        )
        #expect(result.standardOutput == input)
        #expect(result.exitStatus == 0)
    }

    @Test func `input that a command does not read is no failure`() async throws {
        let input = [UInt8](repeating: 1, count: 8_000_000)
        let result = try await self.client.run("exit 3", on: self.host, standardInput: input, timeout: .seconds(60))
        #expect(result.exitStatus == 3)
    }

    @Test func `a command that a signal ends has a signal and no exit status`() async throws {
        let result = try await self.client.run("exec sh -c 'kill -KILL $$'", on: self.host, timeout: .seconds(30))
        #expect(result.signal == "KILL")
        #expect(result.exitStatus == nil)
        #expect(!result.succeeded)
    }

    @Test func `a program left running with its output open does not hold up the result`() async throws {
        let result = try await self.client.run(
            "sleep 600 & echo $!; exit 4",
            on: self.host,
            timeout: .seconds(60)
        )
        #expect(result.exitStatus == 4)
        let process = try #require(pid_t(String(decoding: result.standardOutput, as: UTF8.self).dropLast()))
        #expect(kill(process, SIGKILL) == 0)
    }

    @Test func `twenty commands at once share a few connections`() async throws {
        let results = try await withThrowingTaskGroup(of: (Int, SSHCommandResult).self) { group in
            for number in 0..<20 {
                group.addTask {
                    (number, try await self.client.run("echo \(number)", on: self.host, timeout: .seconds(60)))
                }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        for number in 0..<20 {
            #expect(results[number]?.standardOutput == Array("\(number)\n".utf8))
        }
        #expect((1...3).contains(self.client.counters.sessionsOpened))
        #expect(self.client.counters.commandsSent == 20)
    }

    @Test func `commands one after the other share one connection`() async throws {
        for _ in 0..<5 {
            _ = try await self.client.run("true", on: self.host, timeout: .seconds(30))
        }
        #expect(self.client.counters.sessionsOpened == 1)
    }

    // Goal: no byte but zero is changed on its way through quoting, SSH and the login shell.
    // Method: print one quoted word that holds them all, and some that shells are fond of.
    @Test func `every byte but zero arrives when it is quoted`() async throws {
        let word = (1...255).map { UInt8($0) }
        let command = Array("printf %s ".utf8) + ShellWords.quote(word)
        let result = try await self.client.run(command, on: self.host, timeout: .seconds(30))
        #expect(result.standardOutput == word)
        for word in ["", "'", "''", "-n", "~", "$HOME", "a=b", "*", "if", "!", "\\", "\n", "a\nb\n", "ünï", "%s"] {
            let line = ShellWords.join(["printf", "%s", word])
            let result = try await self.client.run(line, on: self.host, timeout: .seconds(30))
            #expect(result.standardOutput == Array(word.utf8))
        }
    }

    @Test func `a command of the greatest length is run, and one byte more is refused`() async throws {
        let filler = String(repeating: "x", count: SSHClient.commandByteLimit - 3)
        let result = try await self.client.run(": \(filler)#", on: self.host, timeout: .seconds(30))
        #expect(result.exitStatus == 0)
        let error = await sshError { () throws(SSHError) in
            try await self.client.run(": \(filler)##", on: self.host, timeout: .seconds(30))
        }
        #expect(error?.code == .invalidCommand)
    }

    @Test func `a shut-down client ends what it has and takes nothing more`() async throws {
        let watch = OutputWatch()
        async let running = sshError { () throws(SSHError) in
            try await self.client.run("echo; sleep 600", on: self.host, timeout: .seconds(60), onOutput: watch.handler)
        }
        _ = await watch.first()
        await self.client.shutDown()
        let ended = await running
        #expect(ended?.code == .shutDown)
        #expect(ended?.commandMayHaveStarted == true)
        let refused = await sshError { () throws(SSHError) in
            try await self.client.run("true", on: self.host, timeout: .seconds(30))
        }
        #expect(refused?.code == .shutDown)
        #expect(refused?.commandMayHaveStarted == false)
        await self.client.shutDown()
    }
}

/// Output in the order in which it was shown.
private final class Shown: @unchecked Sendable {
    private let lock = NSLock()
    private var chunks: [SSHOutputChunk] = []

    func add(_ chunk: SSHOutputChunk) {
        self.lock.withLock { self.chunks.append(chunk) }
    }

    func bytes(_ stream: SSHOutputChunk.Stream) -> [UInt8] {
        self.lock.withLock { self.chunks.filter { $0.stream == stream }.flatMap(\.bytes) }
    }
}
