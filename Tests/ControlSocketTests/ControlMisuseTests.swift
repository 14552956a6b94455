// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ControlSocket
import Foundation
import Testing

@Suite struct ControlMisuseTests {
    /// Three clients that say half of something or nothing.
    private static func halfOpen(_ path: String) throws -> [RawClient] {
        let silent = try RawClient(path)
        let header = try RawClient(path)
        header.send([0, 0])
        let body = try RawClient(path)
        body.send([0, 0, 0, 9, 0x7B])
        return [silent, header, body]
    }

    @Test func `half-open clients make nobody else wait`() async throws {
        let place = try TemporarySocket()
        let server = try place.startEcho()
        let idle = try Self.halfOpen(place.path)
        let honest = try ControlClient.connect(path: place.path)
        #expect(try await honest.request([1], timeout: patience) == [1])
        withExtendedLifetime(idle) {}
        await server.stop()
    }

    // Nobody honest takes part: on a busy machine they would be too slow for this limit as well.
    @Test func `half-open clients are hung up on`() async throws {
        let place = try TemporarySocket()
        var limits = ControlLimits.patient
        limits.requestTime = .milliseconds(600)
        let server = try place.startEcho(limits: limits)
        for client in try Self.halfOpen(place.path) {
            #expect(await client.readToEnd().isEmpty)
        }
        await server.stop()
    }

    @Test(arguments: [[0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0], [0, 0, 0, 1, 0x31, 0, 0, 0, 1, 0x32]] as [[UInt8]])
    func `what is not a request is refused and hung up on`(bytes: [UInt8]) async throws {
        let place = try TemporarySocket()
        let server = try place.startEcho()
        let client = try RawClient(place.path)
        client.send(bytes)
        let answer = await client.readToEnd()
        #expect(answer.first.map { $0 & 0x80 } == 0x80, "a refusal has the highest bit")
        #expect(answer.count > 4)
        await server.stop()
    }

    @Test func `a client that takes nothing is hung up on, and its producer is told`() async throws {
        let place = try TemporarySocket()
        var limits = ControlLimits.patient
        limits.replyTime = .milliseconds(600)
        let (frames, producer) = AsyncStream.makeStream(of: [UInt8].self)
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        producer.onTermination = { _ in end.finish() }
        for _ in 0..<100 {
            producer.yield([UInt8](repeating: 0x61, count: 1 << 16))
        }
        let server = try place.start(limits: limits) { _, _ in .stream(frames) }
        let client = try RawClient(place.path)
        client.send([0, 0, 0, 1, 0x31])
        for await _ in ended {}
        // It is the server that hung up, not this end.
        withExtendedLifetime(client) {}
        await server.stop()
    }

    @Test func `a client that hangs up cancels its handler`() async throws {
        let place = try TemporarySocket()
        let (cancelled, continuation) = AsyncStream.makeStream(of: Void.self)
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let server = try place.start { _, _ in
            start.finish()
            await Self.untilCancelled()
            continuation.finish()
            return .single([1])
        }
        let client = try ControlClient.connect(path: place.path)
        async let answer: ControlError? = controlError { _ = try await client.request([1], timeout: patience) }
        for await _ in started {}
        client.close()
        for await _ in cancelled {}
        #expect(await answer?.code == .engineGone)
        await server.stop()
    }

    @Test func `an engine that is gone before it has answered is a clear error`() async throws {
        let place = try TemporarySocket()
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let server = try place.start { _, _ in
            start.finish()
            await Self.untilCancelled()
            return .single([1])
        }
        let client = try ControlClient.connect(path: place.path)
        async let answer: ControlError? = controlError { _ = try await client.request([1], timeout: patience) }
        for await _ in started {}
        await server.stop()
        let error = await answer
        #expect(error?.code == .engineGone)
        #expect(error?.message.contains(place.path) == true)
        let again = await controlError { _ = try await client.request([1], timeout: .seconds(1)) }
        #expect(again?.code == .engineGone)
    }

    @Test func `an answer that takes too long is a time-out`() async throws {
        let place = try TemporarySocket()
        let server = try place.start { _, _ in
            await Self.untilCancelled()
            return .single([1])
        }
        let client = try ControlClient.connect(path: place.path)
        let error = await controlError { _ = try await client.request([1], timeout: .milliseconds(100)) }
        #expect(error?.code == .timedOut)
        await server.stop()
    }

    @Test func `a cancelled request says that it was cancelled`() async throws {
        let place = try TemporarySocket()
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let server = try place.start { _, _ in
            start.finish()
            await Self.untilCancelled()
            return .single([1])
        }
        let client = try ControlClient.connect(path: place.path)
        let request = Task { await controlError { _ = try await client.request([1], timeout: patience) } }
        for await _ in started {}
        request.cancel()
        #expect(await request.value?.code == .cancelled)
        await server.stop()
    }

    private static func untilCancelled() async {
        let (never, continuation) = AsyncStream.makeStream(of: Void.self)
        for await _ in never {}
        withExtendedLifetime(continuation) {}
    }
}
