// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ControlSocket
import Foundation
import Testing

@Suite struct ControlMisuseTests {
    private static func limits(requestTime: Duration) -> ControlLimits {
        var limits = ControlLimits()
        limits.requestTime = requestTime
        return limits
    }

    // Goal: clients that say half of something cost the others nothing, and are hung up on in the end.
    // Method: three of them in three states of undress, and one honest client beside them.
    @Test func `half-open clients are hung up on, and nobody else waits`() async throws {
        let place = try TemporarySocket()
        let server = try place.startEcho(limits: Self.limits(requestTime: .milliseconds(600)))
        let silent = try RawClient(place.path)
        let header = try RawClient(place.path)
        header.send([0, 0])
        let body = try RawClient(place.path)
        body.send([0, 0, 0, 9, 0x7B])
        let honest = try ControlClient.connect(path: place.path)
        #expect(try await honest.request([1], timeout: .seconds(20)) == [1])
        #expect(await silent.readToEnd().isEmpty)
        #expect(await header.readToEnd().isEmpty)
        #expect(await body.readToEnd().isEmpty)
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
        var limits = ControlLimits()
        limits.replyTime = .milliseconds(600)
        let (frames, producer) = AsyncStream.makeStream(of: [UInt8].self)
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        producer.onTermination = { _ in end.finish() }
        for _ in 0..<100 {
            producer.yield([UInt8](repeating: 0x61, count: 1 << 16))
        }
        let server = try ControlServer.start(path: place.path, limits: limits) { _, _ in .stream(frames) }
        let client = try RawClient(place.path)
        client.send([0, 0, 0, 1, 0x31])
        for await _ in ended {}
        await server.stop()
    }

    @Test func `a client that hangs up cancels its handler`() async throws {
        let place = try TemporarySocket()
        let (cancelled, continuation) = AsyncStream.makeStream(of: Void.self)
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let server = try ControlServer.start(path: place.path) { _, _ in
            start.finish()
            await Self.untilCancelled()
            continuation.finish()
            return .single([1])
        }
        let client = try ControlClient.connect(path: place.path)
        async let answer: ControlError? = controlError { _ = try await client.request([1], timeout: .seconds(30)) }
        for await _ in started {}
        client.close()
        for await _ in cancelled {}
        #expect(await answer?.code == .engineGone)
        await server.stop()
    }

    @Test func `an engine that is gone before it has answered is a clear error`() async throws {
        let place = try TemporarySocket()
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let server = try ControlServer.start(path: place.path) { _, _ in
            start.finish()
            await Self.untilCancelled()
            return .single([1])
        }
        let client = try ControlClient.connect(path: place.path)
        async let answer: ControlError? = controlError { _ = try await client.request([1], timeout: .seconds(30)) }
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
        let server = try ControlServer.start(path: place.path) { _, _ in
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
        let server = try ControlServer.start(path: place.path) { _, _ in
            start.finish()
            await Self.untilCancelled()
            return .single([1])
        }
        let client = try ControlClient.connect(path: place.path)
        let request = Task { await controlError { _ = try await client.request([1], timeout: .seconds(30)) } }
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
