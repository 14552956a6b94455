// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunPlan
import RunVocabulary
import TestSupport
import Testing

@testable import WorldAdapters

/// Names, asked of a real server and of servers that cannot tell.
@Suite struct DNSProbeTests {
    private static func look(
        _ name: String,
        _ type: DNSAddressType = .four,
        of server: String?,
        resolverFile: String = "/dev/null",
        timeout: Milliseconds = .minutes(5)
    ) async throws -> [String: Fact] {
        let question = DNSQuestion(name: name, type: type, server: server)
        return try await ProbeBench.look(.dns(question), resolverFile: resolverFile, timeout: timeout)
    }

    @Test func `a real server tells addresses of both types, aliases included, and what there is not`() async throws {
        let port = try TestServer.freePort()
        let options = [
            "--no-daemon", "--conf-file=/dev/null", "--no-hosts", "--no-resolv", "--listen-address=127.0.0.1",
            "--bind-interfaces", "--port=\(port)", "--user=root", "--pid-file=",
            "--address=/gone.example/", "--host-record=kafka.example,192.0.2.7,2001:db8::7",
            "--host-record=kafka.example,192.0.2.8", "--cname=alias.example,kafka.example",
        ]
        try await ProbeBench.serving(port, "/usr/sbin/dnsmasq", options) {
            let server = "127.0.0.1:\(port)"
            let four = try await Self.look("kafka.example", of: server)
            #expect(four["answered"] == .bool(true) && four["problem"] == .string(""), "\(four)")
            guard case .strings(let addresses) = four["addresses"] else {
                Issue.record("\(four)")
                return
            }
            #expect(addresses.sorted() == ["192.0.2.7", "192.0.2.8"])
            let six = try await Self.look("KAFKA.example.", .six, of: server)
            #expect(six["addresses"] == .strings(["2001:db8::7"]), "\(six)")
            let alias = try await Self.look("alias.example", .six, of: server)
            #expect(alias["addresses"] == .strings(["2001:db8::7"]), "\(alias)")

            let gone = try await Self.look("gone.example", of: server)
            #expect(gone["answered"] == .bool(true) && gone["addresses"] == .strings([]), "\(gone)")
            #expect(gone["problem"] == .string("there is no name 'gone.example'"))

            // It has nobody whom it could ask.
            let other = try await Self.look("elsewhere.test", of: server)
            #expect(other["answered"] == .bool(true) && other["addresses"] == nil, "\(other)")
            #expect(other.problemText.contains("REFUSED"))
        }
    }

    /// A server that answers each message with `bytes` behind the id of the question.
    private static func server(_ answer: @escaping @Sendable ([UInt8]) -> [UInt8]) throws -> ScriptedServer {
        try ScriptedServer { connection, _ in
            while let length = connection.bytes(2),
                let message = connection.bytes(Int(length[0]) << 8 | Int(length[1]))
            {
                let reply = answer(message)
                connection.send([UInt8(reply.count >> 8), UInt8(reply.count & 0xFF)] + reply)
            }
        }
    }

    @Test func `of several servers the first that knows is believed`() async throws {
        let failing = try Self.server { Array($0[0..<2]) + [0x81, 0x82, 0, 1, 0, 0, 0, 0, 0, 0] + $0[12...] }
        let knowing = try Self.server { message in
            Array(message[0..<2]) + [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0] + message[12...]
                + [0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 9]
        }
        defer {
            failing.stop()
            knowing.stop()
        }
        let alone = try await Self.look("a.example", of: "127.0.0.1:\(failing.port)")
        #expect(alone["answered"] == .bool(true) && alone["addresses"] == nil, "\(alone)")
        #expect(alone.problemText.contains("SERVFAIL"))
        let known = try await Self.look("a.example", of: "127.0.0.1:\(knowing.port)")
        #expect(known["addresses"] == .strings(["192.0.2.9"]), "\(known)")
    }

    @Test func `servers are those of the system's file, three at most`() {
        let text = """
            # nameserver 192.0.2.1
            search example.com
            nameserver 127.0.0.53
            nameserver\t2001:db8::53
            nameserver
            nameserver a b
            options edns0
            nameserver 192.0.2.3
            nameserver 192.0.2.4
            """
        #expect(ResolverFile.servers(in: text).map(\.host) == ["127.0.0.53", "2001:db8::53", "a"])
        #expect(ResolverFile.servers(in: "").isEmpty)
        #expect(ResolverFile.read("/nowhere/at/all") == "")
    }

    @Test func `silence and garbage are unknown, and a refused connection is not`() async throws {
        let silent = try Self.server { _ in [] }
        let strange = try Self.server { _ in Array(repeating: 0xFF, count: 40) }
        defer {
            silent.stop()
            strange.stop()
        }
        for server in [silent, strange] {
            let facts = try await Self.look("a.example", of: "127.0.0.1:\(server.port)")
            #expect(facts["addresses"] == nil && !facts.problemText.isEmpty, "\(facts)")
        }
        let mute = try ScriptedServer { connection, _ in connection.waitUntilClosed() }
        defer { mute.stop() }
        let nothing = try await Self.look("a.example", of: "127.0.0.1:\(mute.port)", timeout: Milliseconds(300))
        #expect(nothing["answered"] == nil && !nothing.problemText.isEmpty, "\(nothing)")
        try await ProbeBench.withClosedPort { port in
            let facts = try await Self.look("a.example", of: "127.0.0.1:\(port)")
            #expect(facts["answered"] == .bool(false) && facts["addresses"] == nil, "\(facts)")
        }
    }

    @Test func `a name that is none, and a system without servers, are said`() async throws {
        for name in ["", "a..b", String(repeating: "a", count: 64), "ä.example", "a b"] {
            let facts = try await Self.look(name, of: "127.0.0.1:1")
            #expect(facts["answered"] == nil && facts.problemText.contains("no name"), "\(facts)")
        }
        let lost = try await Self.look("a.example", of: nil)
        #expect(lost["answered"] == nil && lost.problemText.contains("'/dev/null' names no server"), "\(lost)")
        let odd = try await Self.look("a.example", of: "a b")
        #expect(odd.problemText.contains("no address of a name server"), "\(odd)")
    }
}
