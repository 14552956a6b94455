// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Doctor
import Foundation
import RunPlan
import RunVocabulary
import SSHClient
import Testing
import WorldAdapters

/// Hosts in every bad state that we can make, each a real sshd.
@Suite struct HostVisitTests {
    private func node(
        _ server: TestServer,
        name: NodeName = "alpha",
        port: UInt16? = nil,
        hostKey: String = "host_ed25519",
        identity: String = "user"
    ) throws -> Node {
        let key = try String(contentsOf: server.file("\(hostKey).pub"), encoding: .utf8)
        var node = Node(name: name, host: "127.0.0.1", roles: [])
        node.ssh = SSHAccess(
            address: "127.0.0.1",
            port: Int(port ?? server.port),
            user: NSUserName(),
            hostKeys: [key.split(separator: " ").prefix(2).joined(separator: " ")],
            identityFile: server.file(identity).path
        )
        return node
    }

    private func visit(_ nodes: [Node], limit: Milliseconds = .seconds(30)) async throws -> [HostFinding] {
        let client = try SSHClient()
        let facts = await HostVisits(client: client, limit: limit).visit(nodes, family: nil)
        await client.shutDown()
        return facts.map { HostFinding($0) }
    }

    private func visit(_ node: Node) async throws -> HostFinding {
        try #require(await self.visit([node]).first)
    }

    /// The check at which it stopped, with all before it fine and nothing known of what comes after.
    private func stop(_ host: HostFinding) -> HostCheck? {
        HostCheck.allCases.first { host.marks[$0]?.grade == .wrong }
    }

    /// A home of its own, so that the account's receipts are not what is looked at.
    private func server(saying words: String = "") throws -> (TestServer, home: URL) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "selfheal-home-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let command = "ForceCommand \(words)HOME=\(folder.path) sh -c \"$SSH_ORIGINAL_COMMAND\""
        return (try TestServer(options: [command]), folder)
    }

    @Test func `a host as it should be is fine, and nothing is made there`() async throws {
        let (server, home) = try self.server()
        defer { try? FileManager.default.removeItem(at: home) }
        let host = try await self.visit(try self.node(server))
        #expect(host.grade == .fine, "\(host)")
        #expect(host.marks.count == HostCheck.allCases.count)
        #expect(host.marks[.receipts]?.word == "to come")
        #expect(try FileManager.default.contentsOfDirectory(atPath: home.path).isEmpty)
    }

    @Test func `a port where nobody listens stops at the connection`() async throws {
        let server = try TestServer()
        let host = try await self.visit(try self.node(server, port: try TestServer.freePort()))
        #expect(self.stop(host) == .tcp)
        #expect(host.marks[.name]?.word == "ok")
        #expect(host.findings.first?.cure?.contains("sshd runs there") == true, "\(host)")
    }

    @Test func `a name that nobody knows stops at the name`() async throws {
        let server = try TestServer()
        var node = try self.node(server)
        node.ssh?.address = "no-such-host.invalid"
        #expect(self.stop(try await self.visit(node)) == .name)
    }

    @Test func `another host key than the pinned one stops at the key`() async throws {
        let server = try TestServer()
        try server.makeKey("stranger", type: "ed25519")
        let host = try await self.visit(try self.node(server, hostKey: "stranger"))
        #expect(self.stop(host) == .key)
        #expect(host.marks[.tcp]?.word == "ok" && host.marks[.login] == nil)
        #expect(host.findings.first?.says.contains("another host key") == true, "\(host)")
    }

    @Test func `a key that is not let in stops at the login`() async throws {
        let server = try TestServer()
        try server.makeKey("outsider", type: "ed25519")
        let host = try await self.visit(try self.node(server, identity: "outsider"))
        #expect(self.stop(host) == .login)
        #expect(host.findings.first?.cure?.contains("authorized_keys") == true, "\(host)")
    }

    @Test func `a key file that is not there stops at the login`() async throws {
        let server = try TestServer()
        #expect(self.stop(try await self.visit(try self.node(server, identity: "nothing"))) == .login)
    }

    @Test func `an account that runs no commands stops at the shell`() async throws {
        let server = try TestServer(options: ["ForceCommand echo This account is not available; exit 1"])
        let host = try await self.visit(try self.node(server))
        #expect(self.stop(host) == .shell)
        #expect(host.findings.first?.says.contains("This account is not available") == true, "\(host)")
    }

    @Test func `a login shell that is not like sh stops at the shell`() async throws {
        let server = try TestServer(options: [#"ForceCommand SHELL=/usr/bin/fish sh -c "$SSH_ORIGINAL_COMMAND""#])
        let host = try await self.visit(try self.node(server))
        #expect(self.stop(host) == .shell)
        #expect(host.findings.first?.says.contains("/usr/bin/fish") == true, "\(host)")
    }

    @Test func `what a login prints is not taken for an answer`() async throws {
        let (server, home) = try self.server(saying: "echo hello 1; echo answer refused shell x; ")
        defer { try? FileManager.default.removeItem(at: home) }
        #expect(try await self.visit(try self.node(server)).grade == .fine)
    }

    @Test func `a folder of receipts that cannot be made is said`() async throws {
        let (server, home) = try self.server()
        defer { try? FileManager.default.removeItem(at: home) }
        // A plain file keeps even root from making the folder.
        try Data().write(to: home.appending(path: ".selfheal"))
        let host = try await self.visit(try self.node(server))
        #expect(self.stop(host) == .receipts)
        #expect(host.findings.first?.says.contains(home.path) == true, "\(host)")
    }

    @Test func `a host without setsid is said to lack it`() async throws {
        let bin = FileManager.default.temporaryDirectory.appending(path: "selfheal-bin-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: bin) }
        for program in ["sh", "cat", "date", "df", "tail"] {
            try FileManager.default.createSymbolicLink(
                atPath: bin.appending(path: program).path,
                withDestinationPath: "/bin/\(program)"
            )
        }
        let server = try TestServer(options: [#"ForceCommand PATH=\#(bin.path) sh -c "$SSH_ORIGINAL_COMMAND""#])
        let host = try await self.visit(try self.node(server))
        #expect(self.stop(host) == .needs)
        #expect(host.findings.first?.says.contains("setsid") == true, "\(host)")
    }

    @Test func `one host that never answers delays no other, and the time is bounded`() async throws {
        let (server, home) = try self.server()
        defer { try? FileManager.default.removeItem(at: home) }
        let silent = try Listener(backlog: 8)
        let begin = ContinuousClock.now
        let hosts = try await self.visit(
            [
                try self.node(server, name: "silent", port: silent.port), try self.node(server, name: "good"),
            ],
            limit: .seconds(12)
        )
        #expect(hosts.map(\.node) == ["silent", "good"])
        #expect(hosts[1].grade == .fine)
        #expect(hosts[0].grade == .wrong)
        #expect(ContinuousClock.now - begin < .seconds(60))
    }

    @Test func `a node without ssh is not asked`() async throws {
        #expect(try await self.visit(Node(name: "bare", host: "127.0.0.1", roles: [])).grade == .note)
    }

    @Test func `more hosts than are asked at once are all asked`() async throws {
        let port = try TestServer.freePort()
        let server = try TestServer()
        let nodes = try (0..<150).map { try self.node(server, name: NodeName("host\($0)"), port: port) }
        let hosts = try await self.visit(nodes)
        #expect(hosts.map(\.node) == nodes.map(\.name.text))
        #expect(hosts.allSatisfy { self.stop($0) == .tcp })
    }
}

@Suite struct LoadedLibraryTests {
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/bin/dpkg-query"), "Debian has it"))
    func `the package of a loaded library is found, with its revision`() async throws {
        // What has no size is read in full only by who reads to the end.
        let file = try #require(FileHandle(forReadingAtPath: "/proc/self/maps"))
        let maps = String(decoding: try #require(try file.readToEnd()), as: UTF8.self)
        let found = await LoadedLibraries(maps: maps).package(of: .libssh)
        guard case .debian(let name, let revision) = found else {
            Issue.record(
                "\(found)\n\(maps.split(separator: "\n").filter { $0.contains("libss") }.joined(separator: "\n"))"
            )
            return
        }
        #expect(name.hasPrefix("libssh"))
        #expect(!revision.text.isEmpty)
    }

    @Test func `a library that is not loaded has no package`() async {
        let facts = await LoadedLibraries(maps: "").package(of: .libyaml)
        #expect(facts == .unknown(because: "libyaml-0.so* is not loaded"))
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/bin/dpkg-query"), "Debian has it"))
    func `a library that nobody packaged is said to be so`() async {
        let maps = "7f0000000000-7f0000001000 r-xp 00000000 08:01 42  /opt/own/lib/libyaml-0.so.2.0.9\n"
        let facts = await LoadedLibraries(maps: maps).package(of: .libyaml)
        #expect(facts == .none(file: "/opt/own/lib/libyaml-0.so.2.0.9"))
    }
}
