// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import SSHClient
import Testing

/// Hosts, keys and commands that are refused, and that nothing is sent to them.
@Suite struct SSHRefusalTests {
    let client: SSHClient

    init() throws {
        self.client = try SSHClient()
    }

    private func refusal(by host: SSHHost, _ command: String = "true") async throws -> SSHError {
        let error = await sshError { () throws(SSHError) in
            try await self.client.run(command, on: host, timeout: .seconds(30))
        }
        let refusal = try #require(error)
        #expect(!refusal.commandMayHaveStarted)
        return refusal
    }

    @Test func `a changed host key is refused before we say who we are`() async throws {
        let server = try TestServer()
        try server.makeKey("other", type: "ed25519")
        var host = try server.host()
        let presented = try server.hostKey()
        let pinned = try server.publicKey("other")
        host.hostKeys = [pinned]
        let error = try await self.refusal(by: host, "touch \(server.file("touched").path)")
        #expect(error.code == .changedHostKey)
        #expect(error.message.contains("alpha (127.0.0.1:\(server.port))"))
        #expect(error.message.contains(pinned.fingerprint))
        #expect(error.message.contains(presented.fingerprint))
        let log = try server.log()
        #expect(!log.contains("publickey"))
        #expect(!FileManager.default.fileExists(atPath: server.file("touched").path))
        #expect(self.client.counters.commandsSent == 0)
    }

    @Test func `a host key of a type that is not pinned is refused`() async throws {
        let server = try TestServer(keyTypes: ["ed25519"])
        try server.makeKey("other", type: "ecdsa")
        var host = try server.host()
        host.hostKeys = [try server.publicKey("other")]
        let error = try await self.refusal(by: host)
        #expect(error.code == .hostKeyTypeNotPinned)
        #expect(error.message.contains(try server.hostKey().fingerprint))
        let log = try server.log()
        #expect(!log.contains("publickey"))
    }

    @Test(arguments: ["ed25519", "ecdsa", "rsa"])
    func `a server with several keys is known by whichever is pinned`(type: String) async throws {
        let server = try TestServer(keyTypes: ["ed25519", "ecdsa", "rsa"])
        var host = try server.host()
        host.hostKeys = [try server.hostKey(type)]
        let result = try await self.client.run("true", on: host, timeout: .seconds(30))
        #expect(result.succeeded)
    }

    @Test func `a host without a pinned key is not even connected to`() async throws {
        let listener = try Listener(backlog: 1)
        var host = try Self.anyHost(port: listener.port)
        host.hostKeys = []
        let error = try await self.refusal(by: host)
        #expect(error.code == .unknownHostKey)
        #expect(self.client.counters.connectsFailed == 0)
    }

    @Test func `a server that offers only SHA-1 signatures is refused`() async throws {
        let server = try TestServer(keyTypes: ["rsa"], options: ["HostKeyAlgorithms ssh-rsa"])
        let error = try await self.refusal(by: try server.host(type: "rsa"))
        #expect(error.code == .handshakeFailed)
        #expect(error.message.contains("no algorithm in common"))
    }

    @Test(
        arguments: [
            ["Ciphers aes128-cbc,aes256-cbc,3des-cbc"],
            ["MACs hmac-sha1,hmac-md5,umac-64@openssh.com", "Ciphers aes128-ctr"],
            ["KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group1-sha1"],
        ]
    )
    func `a server that offers nothing of what we take is refused before we say who we are`(
        options: [String]
    ) async throws {
        let server = try TestServer(options: options)
        let error = try await self.refusal(by: try server.host())
        #expect(error.code == .handshakeFailed)
        #expect(error.message.contains("no algorithm in common"), "\(error.message)")
        #expect(!(try server.log()).contains("publickey"))
        #expect(self.client.counters.commandsSent == 0)
    }

    @Test func `we prove ourselves with no SHA-1 either`() async throws {
        let server = try TestServer(options: ["PubkeyAcceptedAlgorithms ssh-rsa"])
        try server.makeKey("old", type: "rsa")
        try server.authorize("old")
        let error = try await self.refusal(by: try server.host(key: "old"))
        #expect(error.code == .authenticationRefused)
    }

    @Test func `a key that the server does not know is refused`() async throws {
        let server = try TestServer()
        try server.makeKey("stranger", type: "ed25519")
        let error = try await self.refusal(by: try server.host(key: "stranger"))
        #expect(error.code == .authenticationRefused)
        #expect(error.message.contains("authorized_keys"))
        #expect(!error.isRetriable)
    }

    @Test func `a key that others may read is refused`() async throws {
        let server = try TestServer()
        let path = server.file("user").path
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        let error = try await self.refusal(by: try server.host())
        #expect(error.code == .keyFileUnreadable)
        #expect(error.message.contains("chmod 600 \(path)"))
    }

    @Test func `a key that is missing, a folder, or no key is refused`() async throws {
        let server = try TestServer()
        #expect(try await self.refusal(by: try server.host(key: "nothing")).code == .keyFileUnreadable)
        #expect(try await self.refusal(by: try server.host(key: ".")).code == .keyFileUnreadable)
        #expect(try await self.refusal(by: try server.host(key: "user.pub")).code == .keyFileUnreadable)
    }

    @Test func `a passphrase opens a key, and without the right one it is refused`() async throws {
        let server = try TestServer()
        try server.makeKey("locked", type: "ed25519", passphrase: "open sesame")
        try server.authorize("locked")
        let right = try server.host(key: "locked", passphrase: SSHPassphrase("open sesame"))
        #expect(try await self.client.run("true", on: right, timeout: .seconds(30)).succeeded)
        let wrong = try server.host(key: "locked", passphrase: SSHPassphrase("sesame"))
        let refusal = try await self.refusal(by: wrong)
        #expect(refusal.code == .keyFileUnreadable)
        #expect(!refusal.message.contains("sesame"))
        let none = try server.host(key: "locked")
        #expect(try await self.refusal(by: none).code == .keyFileUnreadable)
        #expect("\(right)".contains("<secret>"))
        #expect(!"\(right)".contains("sesame"))
    }

    @Test(arguments: [
        "-oProxyCommand=x", "a b", "a;b", "$(id)", "`id`", "a'b", "a\nb", "", "a@b", "a/b", "[::1]", "::1%$(id)",
        "ü", String(repeating: "a", count: 254),
    ])
    func `an address that is more than a name reaches nobody`(address: String) async throws {
        var host = try Self.anyHost(port: 22)
        host.address = address
        #expect(try await self.refusal(by: host).code == .invalidHost)
    }

    @Test(arguments: ["-l", "a b", "a;b", "$(id)", "a\u{1B}[2J", "", "a@b", String(repeating: "a", count: 254)])
    func `a user that is more than a name reaches nobody`(user: String) async throws {
        var host = try Self.anyHost(port: 22)
        host.user = user
        let error = try await self.refusal(by: host)
        #expect(error.code == .invalidHost)
        #expect(!error.message.contains("\u{1B}"))
    }

    @Test func `a command that cannot be sent is refused`() async throws {
        let host = try Self.anyHost(port: 22)
        #expect(try await self.refusal(by: host, "").code == .invalidCommand)
        #expect(try await self.refusal(by: host, "echo \0").code == .invalidCommand)
    }

    @Test func `a server that runs no commands says so, and nothing has started`() async throws {
        let server = try TestServer(options: ["MaxSessions 0"])
        let error = try await self.refusal(by: try server.host())
        #expect(error.code == .channelRefused)
    }

    static func anyHost(port: UInt16) throws -> SSHHost {
        SSHHost(
            name: "alpha",
            address: "127.0.0.1",
            port: port,
            user: "nobody",
            hostKeys: [
                try SSHPublicKey(
                    line: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ+X/2oSPsbLwHSm/PyOl/1P2dC9RQ0PAeoJ8mDNqEbS"
                )
            ],
            identity: .keyFile(path: "/dev/null")
        )
    }
}
