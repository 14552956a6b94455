// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import SSHClient

/// Known-hosts files: as OpenSSH reads them, and against a real sshd.
@Suite struct KnownHostsTests {
    private static let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOJOZ9F4hdsmkqlMwGJ5XNiiYiSAbdcUnjRfRxa8bNNC"
    private static let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFRqW9YdB9hPUfqxOVSOziMOMuQLsgmfbRcvHLZ6olkt"

    private func accepted(_ text: String, _ host: String, port: UInt16 = 22) throws -> [String] {
        try KnownHosts(Array(text.utf8)).pins(for: host, port: port).pins.accepted.map(\.description)
    }

    @Test func `SHA-1 and its HMAC agree with the published examples`() {
        let hex = { (bytes: [UInt8]) in bytes.map { String(Int($0) + 256, radix: 16).dropFirst() }.joined() }
        #expect(hex(SHA1.digest(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(hex(SHA1.digest([UInt8](repeating: 97, count: 119))) == "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56")
        let hmac = SHA1.authenticate(Array("Hi There".utf8), key: [UInt8](repeating: 0x0B, count: 20))
        #expect(hex(hmac) == "b617318655057264e28bc0b6fb378c8ef146be00")
    }

    @Test(arguments: [
        ("zk1", "zk1", 22, true), ("zk1,10.0.0.1", "10.0.0.1", 22, true), ("ZK1", "zk1", 22, true),
        ("zk1", "ZK1", 22, true), ("zk1", "zk10", 22, false), ("zk?", "zk1", 22, true), ("zk?", "zk10", 22, false),
        ("*.example.com", "a.b.example.com", 22, true), ("*.example.com", "example.com", 22, false),
        ("*,!zk1", "zk1", 22, false), ("!zk1,*", "zk2", 22, true), ("!zk1", "zk2", 22, false),
        ("[zk1]:2222", "zk1", 2_222, true), ("[zk1]:2222", "zk1", 22, false), ("[zk1]:2222", "zk1", 2_223, false),
        ("zk1", "zk1", 2_222, true), ("a*b*c", "aXbYbc", 22, true), ("a*b*c", "aXbYb", 22, false),
    ])
    func `names and patterns match as they do for OpenSSH`(
        pattern: String,
        host: String,
        port: UInt16,
        matches: Bool
    ) throws {
        #expect(
            try self.accepted("# hosts\n\n\(pattern) \(Self.key) comment here\n", host, port: port).isEmpty != matches
        )
    }

    @Test func `a line for the port is preferred to one for the host`() throws {
        let text = "zk1 \(Self.other)\n[zk1]:2222 \(Self.key)\n"
        #expect(try self.accepted(text, "zk1", port: 2_222) == [Self.key])
    }

    @Test func `ssh-keygen's hashed names are found, and others are not`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "selfheal-known-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appending(path: "known_hosts")
        try "zk1.example.com \(Self.key)\n[zk2]:2222 \(Self.other)\n".write(to: file, atomically: true, encoding: .utf8)
        try TestServer.run("/usr/bin/ssh-keygen", ["-q", "-H", "-f", file.path])
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(!text.contains("zk1"))
        #expect(try self.accepted(text, "zk1.example.com") == [Self.key])
        #expect(try self.accepted(text, "zk2", port: 2_222) == [Self.other])
        #expect(try self.accepted(text, "zk3").isEmpty)
    }

    @Test(arguments: [
        "zk1 ssh-ed25519", "zk1", "@revoke zk1 \(key)", "|1|AAAA zk1 \(key)", "|2|a|b \(key)", "zk1 ssh-ed25519 AAAA",
    ])
    func `a line that cannot be understood is an error with its number`(line: String) throws {
        let error = #expect(throws: KnownHosts.FormatError.self) {
            try self.accepted("zk2 \(Self.key)\n\(line)\n", "zk1")
        }
        #expect(error?.line == 2)
    }

    @Test func `keys of types that nobody may use are passed over`() throws {
        let text = "zk1 ssh-dss AAAAB3NzaC1kc3M=\nzk1 sk-ssh-ed25519@openssh.com AAAA\nzk1 \(Self.key)\n"
        #expect(try self.accepted(text, "zk1") == [Self.key])
    }

    // MARK: Against sshd

    private func server(_ lines: (TestServer) throws -> [String]) throws -> (TestServer, SSHHost, URL) {
        let server = try TestServer()
        try server.makeKey("other", type: "ed25519")
        try server.makeKey("elliptic", type: "ecdsa")
        let file = server.file("known_hosts")
        try (lines(server).joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
        var host = try server.host()
        host.hostKeys = []
        host.knownHosts = file.path
        return (server, host, file)
    }

    private func refusal(by host: SSHHost, _ server: TestServer) async throws -> SSHError {
        let client = try SSHClient()
        let touched = server.file("touched").path
        let error = try #require(
            await sshError { () throws(SSHError) in
                try await client.run("touch \(touched)", on: host, timeout: .seconds(30))
            }
        )
        #expect(!error.commandMayHaveStarted)
        #expect(client.counters.commandsSent == 0)
        #expect(!FileManager.default.fileExists(atPath: touched))
        #expect(try !server.log().contains("publickey"))
        return error
    }

    @Test func `a key of the file lets the host prove itself`() async throws {
        let (server, host, file) = try self.server { ["[127.0.0.1]:\($0.port) \(try $0.hostKey())"] }
        let before = try Data(contentsOf: file)
        #expect(try await SSHClient().run("true", on: host, timeout: .seconds(30)).succeeded)
        #expect(try Data(contentsOf: file) == before)
        #expect(try server.log().contains("Accepted publickey"))
    }

    @Test func `an unknown host is refused, and nothing is written`() async throws {
        let (server, host, file) = try self.server { ["zk9 \(try $0.hostKey())"] }
        let before = try Data(contentsOf: file)
        let error = try await self.refusal(by: host, server)
        #expect(error.code == .unknownHostKey)
        #expect(error.message.contains("[127.0.0.1]:\(server.port)"))
        #expect(try Data(contentsOf: file) == before)
    }

    @Test func `a changed key is refused`() async throws {
        let (server, host, _) = try self.server { ["127.0.0.1 \(try $0.publicKey("other"))"] }
        #expect(try await self.refusal(by: host, server).code == .changedHostKey)
    }

    @Test func `a key of another type is refused`() async throws {
        let (server, host, _) = try self.server { ["127.0.0.1 \(try $0.publicKey("elliptic"))"] }
        #expect(try await self.refusal(by: host, server).code == .hostKeyTypeNotPinned)
    }

    @Test func `a revoked key is refused, though it is pinned elsewhere`() async throws {
        let (server, host, _) = try self.server { ["@revoked * \(try $0.hostKey())", "127.0.0.1 \(try $0.hostKey())"] }
        #expect(try await self.refusal(by: host, server).code == .revokedHostKey)
        var pinned = host
        pinned.hostKeys = [try server.hostKey()]
        #expect(try await self.refusal(by: pinned, server).code == .revokedHostKey)
    }

    @Test func `a certificate authority is not enough, and the message says so`() async throws {
        let (server, host, _) = try self.server { ["@cert-authority 127.0.0.1 \(try $0.hostKey())"] }
        let error = try await self.refusal(by: host, server)
        #expect(error.code == .unknownHostKey)
        #expect(error.message.contains("certificate"))
    }

    @Test func `a file that is missing, a folder, damaged or open to all is refused`() async throws {
        let (server, host, file) = try self.server { ["127.0.0.1 \(try $0.hostKey())"] }
        var broken = host
        for path in [server.file("missing").path, server.folder.path] {
            broken.knownHosts = path
            #expect(try await self.refusal(by: broken, server).code == .knownHostsUnusable)
        }
        chmod(file.path, 0o666)
        #expect(try await self.refusal(by: host, server).code == .knownHostsUnusable)
        chmod(file.path, 0o600)
        try "127.0.0.1 ssh-ed25519 AAAAC3Nz\n".write(to: file, atomically: true, encoding: .utf8)
        let error = try await self.refusal(by: host, server)
        #expect(error.code == .knownHostsUnusable)
        #expect(error.message.contains("line 1"))
    }
}
