// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ControlSocket
import Foundation
import Testing

@Suite struct ControlSocketTests {
    @Test func `a request gets its answer, and the connection serves the next`() async throws {
        let place = try TemporarySocket()
        let server = try place.startEcho()
        let client = try ControlClient.connect(path: place.path)
        for size in [1, 3, 70_000, 256 << 10] {
            let body = [UInt8](repeating: 0x61, count: size)
            #expect(try await client.request(body, timeout: patience) == body)
        }
        await server.stop()
    }

    @Test func `the peer is who the kernel says`() async throws {
        let place = try TemporarySocket()
        let server = try place.start { _, peer in
            .single(Array("\(peer.uid) \(peer.gid) \(peer.pid) \(peer.userName ?? "-")".utf8))
        }
        let client = try ControlClient.connect(path: place.path)
        let answer = try await client.request([0x7B, 0x7D], timeout: patience)
        #expect(String(decoding: answer, as: UTF8.self) == "\(getuid()) \(getgid()) \(getpid()) \(NSUserName())")
        await server.stop()
    }

    @Test func `only the owner may connect, and a stopped server leaves no socket`() async throws {
        let place = try TemporarySocket()
        let server = try place.startEcho()
        let attributes = try FileManager.default.attributesOfItem(atPath: place.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        await server.stop()
        #expect(FileManager.default.fileExists(atPath: place.path) == false)
    }

    @Test func `a server that stops gives the answers it owes first`() async throws {
        let place = try TemporarySocket()
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        let server = try place.start { request, _ in
            begin.finish()
            for await _ in released {}
            return .single(request.body)
        }
        let client = try ControlClient.connect(path: place.path)
        async let answer = client.request([0x61], timeout: patience)
        for await _ in begun {}
        async let stopped: Void = server.stop(grace: patience)
        release.finish()
        #expect(try await answer == [0x61])
        await stopped
    }

    @Test func `a server that stops does not wait for ever for its handlers`() async throws {
        let place = try TemporarySocket()
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let (never, keep) = AsyncStream.makeStream(of: Void.self)
        let server = try place.start { request, _ in
            begin.finish()
            for await _ in never {}
            return .single(request.body)
        }
        let client = try ControlClient.connect(path: place.path)
        async let error = controlError { _ = try await client.request([0x61], timeout: patience) }
        for await _ in begun {}
        await server.stop(grace: .milliseconds(50))
        #expect(await error != nil)
        keep.finish()
    }

    @Test func `no engine and an engine that has died are told apart`() async throws {
        let place = try TemporarySocket()
        let none = await controlError { _ = try ControlClient.connect(path: place.path) }
        #expect(none?.code == .noEngine)
        // What a crash leaves behind: a socket's name, and nobody behind it.
        let server = try place.startEcho()
        try FileManager.default.moveItem(atPath: place.path, toPath: place.path + ".kept")
        await server.stop()
        try FileManager.default.moveItem(atPath: place.path + ".kept", toPath: place.path)
        let stale = await controlError { _ = try ControlClient.connect(path: place.path) }
        #expect(stale?.code == .staleSocket)
        let next = try place.startEcho()
        let client = try ControlClient.connect(path: place.path)
        #expect(try await client.request([1], timeout: patience) == [1])
        await next.stop()
    }

    @Test func `a file that is in the way is not removed`() async throws {
        let place = try TemporarySocket()
        try Data("notes".utf8).write(to: URL(fileURLWithPath: place.path))
        let error = await controlError { _ = try place.startEcho() }
        #expect(error?.code == .system)
        #expect(FileManager.default.contents(atPath: place.path) == Data("notes".utf8))
    }

    @Test func `a folder with a very long name works`() async throws {
        let place = try TemporarySocket(inside: "/" + String(repeating: "long-", count: 40))
        let server = try place.startEcho()
        let client = try ControlClient.connect(path: place.path)
        #expect(try await client.request([1, 2], timeout: patience) == [1, 2])
        await server.stop()
        #expect(FileManager.default.fileExists(atPath: place.path) == false)
    }

    @Test func `sixty-four clients at once are served`() async throws {
        let place = try TemporarySocket()
        let server = try place.startEcho()
        let clients = try (0..<64).map { _ in try ControlClient.connect(path: place.path) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, client) in clients.enumerated() {
                group.addTask {
                    for round in 0..<20 {
                        let body = Array("client \(number), round \(round)".utf8)
                        let answer = try await client.request(body, timeout: patience)
                        #expect(answer == body)
                    }
                }
            }
            try await group.waitForAll()
        }
        await server.stop()
    }

    @Test func `one client too many is told so`() async throws {
        let place = try TemporarySocket()
        var limits = ControlLimits.patient
        limits.connections = 1
        let server = try place.startEcho(limits: limits)
        let first = try ControlClient.connect(path: place.path)
        _ = try await first.request([1], timeout: patience)
        let second = try ControlClient.connect(path: place.path)
        let error = await controlError { _ = try await second.request([1], timeout: patience) }
        #expect(error?.code == .refused)
        #expect(error?.message == "the engine serves 1 clients already; try again")
        withExtendedLifetime(first) {}
        await server.stop()
    }

    @Test func `a request that is too large is refused by both sides`() async throws {
        let place = try TemporarySocket()
        let server = try place.startEcho()
        let client = try ControlClient.connect(path: place.path)
        let huge = [UInt8](repeating: 0, count: (256 << 10) + 1)
        let here = await controlError { _ = try await client.request(huge, timeout: patience) }
        #expect(here?.code == .refused)
        // A client that believes in larger requests.
        var limits = ControlLimits.patient
        limits.requestBytes = 1 << 24
        let generous = try ControlClient.connect(path: place.path, limits: limits)
        let body = [UInt8](repeating: 0, count: 1 << 23)
        let there = await controlError { _ = try await generous.request(body, timeout: patience) }
        #expect(there?.code == .refused)
        #expect(there?.message == "a message of 8388608 bytes was announced; 262144 is the limit")
        await server.stop()
    }

    @Test func `an answer that is too large is refused instead of cut`() async throws {
        let place = try TemporarySocket()
        let server = try place.start { _, _ in
            .single([UInt8](repeating: 0x61, count: (16 << 20) + 1))
        }
        let client = try ControlClient.connect(path: place.path)
        let error = await controlError { _ = try await client.request([1], timeout: patience) }
        #expect(error?.code == .refused)
        await server.stop()
    }

    @Test func `the largest answer arrives whole`() async throws {
        let place = try TemporarySocket()
        let server = try place.start { _, _ in
            .single([UInt8](repeating: 0x61, count: 16 << 20))
        }
        let client = try ControlClient.connect(path: place.path)
        #expect(try await client.request([1], timeout: patience).count == 16 << 20)
        await server.stop()
    }
}
