// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Probes
import Testing

@testable import ProbeZooKeeper

/// Sessions with servers that are not what they should be.
@Suite(.timeLimit(.minutes(10))) struct ZooKeeperSessionTests {
    private typealias Reason = ZooKeeperSessionError.Reason

    /// The connect request is always of this length.
    private static let connectLength = 49
    private static let session: [UInt8] = frame { writer in
        writer.write(Int32(0))
        writer.write(Int32(4_000))
        writer.write(Int64(7))
        writer.write([UInt8](repeating: 1, count: 16))
        writer.write(false)
    }

    let prober: SocketProber

    init() throws {
        self.prober = try SocketProber()
    }

    private static func frame(_ body: (inout JuteWriter) -> Void) -> [UInt8] {
        var writer = JuteWriter()
        body(&writer)
        return writer.frame
    }

    private static func reply(_ number: Int32, code: Int32 = 0, body: (inout JuteWriter) -> Void = { _ in }) -> [UInt8]
    {
        self.frame { writer in
            writer.write(number)
            writer.write(Int64(9))
            writer.write(code)
            body(&writer)
        }
    }

    private func open(_ server: ScriptedServer, timeout: Duration = .seconds(20)) async throws -> ZooKeeperSession {
        defer { withExtendedLifetime(server) {} }
        return try await ZooKeeperSession.open(
            address: "127.0.0.1",
            port: server.port,
            timeout: timeout,
            using: self.prober
        )
    }

    private func reasonForNoSession(
        _ steps: [ScriptedServer.Step],
        timeout: Duration = .seconds(20)
    ) async throws -> Reason? {
        do {
            _ = try await self.open(try ScriptedServer([.read(Self.connectLength)] + steps), timeout: timeout)
            return nil
        } catch let error as ZooKeeperSessionError {
            return error.reason
        }
    }

    @Test func `what a server may say instead of a session is told apart`() async throws {
        #expect(try await self.reasonForNoSession([]) == .turnedAway)
        #expect(try await self.reasonForNoSession([.write([0, 0])]) == .turnedAway)
        #expect(try await self.reasonForNoSession([.write(Self.reply(0, code: -119))]) == .readOnlyServer)
        let expired = Self.frame { writer in
            writer.write(Int32(0))
            writer.write(Int32(0))
            writer.write(Int64(0))
            writer.write([UInt8](repeating: 0, count: 16))
            writer.write(false)
        }
        #expect(try await self.reasonForNoSession([.write(expired)]) == .sessionExpired)
        #expect(
            try await self.reasonForNoSession([.write(Array("HTTP/1.1 400 Bad Request\r\n".utf8)), .readToEnd])
                == .malformedReply("a frame of 1213486160 bytes")
        )
        #expect(
            try await self.reasonForNoSession([.write([0xFF, 0xFF, 0xFF, 0xFF]), .readToEnd])
                == .malformedReply("a frame of 4294967295 bytes")
        )
        #expect(
            try await self.reasonForNoSession([.readToEnd], timeout: .milliseconds(100))
                == .connection(.timedOut(phase: .reply))
        )
    }

    @Test func `a refused connection is told apart`() async throws {
        let port = try ZooKeeperServer.freePorts(1)[0]
        do {
            _ = try await ZooKeeperSession.open(
                address: "127.0.0.1",
                port: port,
                timeout: .seconds(20),
                using: self.prober
            )
            Issue.record("a session with nobody")
        } catch {
            #expect(error.reason == .connection(.refused))
            #expect(error.description == "127.0.0.1:\(port): open a session: connection refused")
        }
    }

    /// The reason why a ping fails when the server answers it so.
    private func reasonForNoPing(_ answer: [UInt8], timeout: Duration = .seconds(20)) async throws -> Reason? {
        let server = try ScriptedServer([
            .read(Self.connectLength), .write(Self.session), .read(12), .write(answer), .readToEnd,
        ])
        var session = try await self.open(server, timeout: timeout)
        do {
            try await session.ping()
            return nil
        } catch {
            let reason = error.reason
            do {
                try await session.ping()
                Issue.record("the session was used after its end")
            } catch {
                #expect(error.reason == .ended)
            }
            return reason
        }
    }

    @Test func `replies that do not fit the request are refused`() async throws {
        #expect(try await self.reasonForNoPing(Self.reply(-2)) == nil)
        let event = Self.reply(-1) { writer in
            writer.write(Int32(3))
            writer.write(Int32(3))
            writer.write("/a")
        }
        #expect(try await self.reasonForNoPing(event + event + Self.reply(-2)) == nil)
        #expect(
            try await self.reasonForNoPing([[UInt8]](repeating: event, count: 20).flatMap { $0 } + Self.reply(-2))
                == .malformedReply("more than 16 events before the reply")
        )
        #expect(try await self.reasonForNoPing(Self.reply(5)) == .malformedReply("a reply to request 5 instead of -2"))
        let long = Self.reply(-2) { $0.write(Int32(1)) }
        #expect(try await self.reasonForNoPing(long) == .malformedReply("4 bytes too many"))
        #expect(try await self.reasonForNoPing([0, 0, 0, 3, 1, 2, 3]) == .malformedReply("a frame of 3 bytes"))
        #expect(
            try await self.reasonForNoPing(Array(Self.reply(-2).dropLast()), timeout: .milliseconds(100))
                == .connection(.timedOut(phase: .reply))
        )
    }

    @Test func `a body shorter than promised is refused`() async throws {
        let body = Self.reply(1) { writer in
            writer.write(Int32(1_000_000))
            writer.write(Int32(1))
        }
        let server = try ScriptedServer([
            .read(Self.connectLength), .write(Self.session), .read(4), .write(body), .readToEnd,
        ])
        var session = try await self.open(server)
        do {
            _ = try await session.get("/a")
            Issue.record("a buffer of a million bytes in four")
        } catch {
            #expect(error.reason == .malformedReply("a length of 1000000 where 4 bytes are left"))
            #expect(error.action == "get /a")
        }
    }
}
