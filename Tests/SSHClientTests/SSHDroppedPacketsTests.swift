// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import SSHClient
import Testing

/// A network that swallows packets, so that a peer is gone without a word and nobody acknowledges anything.
///
/// Each test is a process in a network of its own, with an sshd in it and a filter that drops. Where networks cannot be made, the tests
/// are left out and say so; `SSHLifeTests` then stands for them, with an sshd that is frozen.
@Suite(
    .enabled("a network of its own needs root, and the programs unshare, nsenter, ip and nft") {
        DroppingNetwork.isToBeHad
    }
)
struct SSHDroppedPacketsTests {
    enum Direction: String, Codable, CaseIterable, Sendable {
        case both
        case toTheHost
        case fromTheHost
    }

    // Method: drop everything under a running command; the time allowed is far more than it takes and far less than the command's own.
    @Test(arguments: Direction.allCases)
    func `a peer behind dropped packets is given up, and reached again once they pass`(direction: Direction) async {
        await #expect(processExitsWith: .exitCode(7)) { [direction] in
            let network = try DroppingNetwork()
            let server = try TestServer()
            var configuration = SSHClient.Configuration()
            configuration.deadPeerAfter = .seconds(3)
            // Its thread is made here, and so in our network.
            let client = try SSHClient(configuration)
            let host = try server.host()
            let watch = OutputWatch()
            async let error = sshError { () throws(SSHError) in
                try await client.run(
                    "echo here; exec sleep 600",
                    on: host,
                    timeout: .seconds(600),
                    onOutput: watch.handler
                )
            }
            _ = await watch.first()
            let start = ContinuousClock.now
            try network.drop(direction, port: server.port)
            let doubt = try #require(await error)
            #expect(ContinuousClock.now - start < .seconds(60))
            #expect(doubt.code == .connectionLost)
            #expect(doubt.commandMayHaveStarted)
            #expect(client.counters.sessionsClosed == 1)
            // A new connection gets nowhere, and is told from a host that refuses.
            var patient = host
            patient.connectTimeout = .seconds(2)
            let unreached = await sshError { () throws(SSHError) in
                try await client.run("true", on: patient, timeout: .seconds(30))
            }
            #expect(unreached?.code == .timedOut(.connect))
            #expect(unreached?.commandMayHaveStarted == false)
            try network.pass()
            #expect(try await client.run("true", on: host, timeout: .seconds(60)).succeeded)
            await client.shutDown()
            server.stop()
            exit(7)
        }
    }
}

/// A network with nothing but a loopback, for this process' current thread and the threads and processes that it starts.
struct DroppingNetwork {
    private let place: String

    init() throws {
        guard Self.unshare() else { throw TestServer.Failure(description: "no network of its own: \(errno)") }
        // By number, because later calls come from other threads.
        let descriptor = open("/proc/thread-self/ns/net", O_RDONLY)
        guard descriptor >= 0 else { throw TestServer.Failure(description: "the network cannot be named") }
        self.place = "--net=/proc/\(getpid())/fd/\(descriptor)"
        try self.run("ip link set lo up")
    }

    /// Whether a process of ours could make one, as it does.
    static var isToBeHad: Bool {
        let trial = """
            PATH=$PATH:/usr/sbin:/sbin
            ip link set lo up && nft 'add table inet test; add chain inet test swallow { type filter hook input priority 0; }'
            """
        return (try? TestServer.run("/usr/bin/unshare", ["--net", "/bin/sh", "-c", trial])) != nil
    }

    func drop(_ direction: SSHDroppedPacketsTests.Direction, port: UInt16) throws {
        var rules = ["add table inet test", "add chain inet test swallow { type filter hook input priority 0; }"]
        if direction != .fromTheHost {
            rules.append("add rule inet test swallow tcp dport \(port) drop")
        }
        if direction != .toTheHost {
            rules.append("add rule inet test swallow tcp sport \(port) drop")
        }
        try self.run("nft '\(rules.joined(separator: "; "))'")
    }

    func pass() throws {
        try self.run("nft delete table inet test")
    }

    private func run(_ line: String) throws {
        try TestServer.run("/usr/bin/nsenter", [self.place, "/bin/sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; \(line)"])
    }

    /// Swift's Glibc module does not have `unshare`, which is for the GNU source level.
    private static func unshare() -> Bool {
        typealias Unshare = @convention(c) (CInt) -> CInt
        guard let symbol = dlsym(nil, "unshare") else { return false }
        let network: CInt = 0x4000_0000
        return unsafeBitCast(symbol, to: Unshare.self)(network) == 0
    }
}
