// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import Foundation
import Probes
import RunCore
import RunPlan
import RunVocabulary
import SSHClient
import TestSupport
import Testing

@testable import WorldAdapters

/// One look of the real runner, and real servers for it to look at.
enum ProbeBench {
    static func look(
        _ question: ProbeOrder.Question,
        at node: Node? = nil,
        trusting authorities: String? = nil,
        resolverFile: String = "/dev/null",
        timeout: Milliseconds = .minutes(5)
    ) async throws -> [String: Fact] {
        let prober = try SocketProber()
        let client = try SSHClient()
        let transfer = CurlTransfer()
        let runner = LiveProbeRunner(
            prober: prober,
            client: client,
            transfer: transfer,
            trustedAuthorities: authorities,
            resolverFile: resolverFile
        )
        let order = ProbeOrder(question: question, targets: node.map { [$0.name] } ?? [], timeout: timeout)
        let inventory = Inventory(clusterName: "practice", clusterID: "", nodes: node.map { [$0] } ?? [], services: [])
        let reports = await runner.probe(order, in: inventory)
        await transfer.shutdown()
        await client.shutDown()
        await prober.shutdown()
        return try #require(reports.first).facts
    }

    /// A folder that is gone when the work is done.
    static func inFolder(_ work: (_ folder: String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "probe-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await work(folder)
    }

    /// A program that listens on a port, until the work is done; killed, as a child may block other signals.
    static func serving(
        _ port: UInt16,
        _ program: String,
        _ arguments: [String],
        _ work: () async throws -> Void
    ) async throws {
        let server = try startProgram(program, arguments)
        defer {
            kill(server, SIGKILL)
            waitForEnd(of: server)
        }
        let end = ContinuousClock.now + .seconds(300)
        while try await !Self.isOpen(port) {
            try #require(ContinuousClock.now < end, "\(program) does not listen on \(port)")
            try await Task.sleep(for: .milliseconds(10))
        }
        try await work()
    }

    private static func isOpen(_ port: UInt16) async throws -> Bool {
        try await Self.look(.tcp(port: "\(port)"), at: Self.node())["open"] == .bool(true)
    }

    static func node() -> Node {
        Node(name: "here", host: "127.0.0.1", roles: ["test"])
    }

    /// Bound and never listening: whoever connects is refused, and nobody else gets the port meanwhile.
    static func withClosedPort(_ work: (_ port: UInt16) async throws -> Void) async throws {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        try #require(isBound)
        try await work(UInt16(bigEndian: address.sin_port))
    }
}

extension [String: Fact] {
    /// What the report says went wrong.
    var problemText: String {
        if case .string(let text) = self["problem"] { text } else { "" }
    }
}
