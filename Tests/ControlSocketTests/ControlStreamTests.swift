// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ControlSocket
import Foundation
import Testing

@Suite struct ControlStreamTests {
    @Test func `a stream arrives part by part, and then the connection serves the next request`() async throws {
        let place = try TemporarySocket()
        let server = try place.start { request, _ in
            .stream(
                AsyncStream { continuation in
                    for number in 0..<request.body[0] {
                        continuation.yield([number + 1])
                    }
                    continuation.finish()
                }
            )
        }
        let client = try ControlClient.connect(path: place.path)
        for count in [5, 0, 200] as [UInt8] {
            var seen: [UInt8] = []
            if count > 0 {
                for try await part in try await client.stream([count], timeout: patience) {
                    seen += part
                }
                #expect(seen == Array(1...count))
            } else {
                let error = await controlError { _ = try await client.request([1], timeout: patience) }
                #expect(error == nil)
            }
        }
        await server.stop()
    }

    @Test func `a follower sees each event when it happens`() async throws {
        let place = try TemporarySocket()
        let (events, continuation) = AsyncStream.makeStream(of: [UInt8].self)
        let server = try place.start { _, _ in .stream(events) }
        let client = try ControlClient.connect(path: place.path)
        var replies = try await client.stream([1], timeout: patience).makeAsyncIterator()
        for number in 1...10 as ClosedRange<UInt8> {
            continuation.yield([number])
            #expect(try await replies.next() == [number])
        }
        continuation.finish()
        #expect(try await replies.next() == nil)
        #expect(try await replies.next() == nil)
        await server.stop()
    }

    @Test func `a stream that the engine leaves unfinished ends with an error`() async throws {
        let place = try TemporarySocket()
        let (events, continuation) = AsyncStream.makeStream(of: [UInt8].self)
        let server = try place.start { _, _ in .stream(events) }
        let client = try ControlClient.connect(path: place.path)
        var replies = try await client.stream([1], timeout: patience).makeAsyncIterator()
        continuation.yield([1])
        #expect(try await replies.next() == [1])
        await server.stop()
        let error = await #expect(throws: ControlError.self) { _ = try await replies.next() }
        #expect(error?.code == .engineGone)
    }

    @Test func `a client that stops following ends the stream at the engine`() async throws {
        let place = try TemporarySocket()
        let (events, continuation) = AsyncStream.makeStream(of: [UInt8].self)
        let (ended, end) = AsyncStream.makeStream(of: Void.self)
        continuation.onTermination = { _ in end.finish() }
        let server = try place.start { _, _ in .stream(events) }
        let client = try ControlClient.connect(path: place.path)
        let replies = try await client.stream([1], timeout: patience)
        let follower = Task {
            for try await _ in replies {}
        }
        follower.cancel()
        for await _ in ended {}
        let error = await #expect(throws: ControlError.self) { try await follower.value }
        #expect(error?.code == .cancelled)
        await server.stop()
    }

    @Test func `one answer is asked for and a stream comes`() async throws {
        let place = try TemporarySocket()
        let server = try place.start { _, _ in
            .stream(
                AsyncStream { continuation in
                    continuation.yield([1])
                    continuation.yield([2])
                    continuation.finish()
                }
            )
        }
        let client = try ControlClient.connect(path: place.path)
        let error = await controlError { _ = try await client.request([1], timeout: patience) }
        #expect(error?.code == .malformed)
        await server.stop()
    }
}
