// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import Probes
import RunVocabulary

/// Why a session could not do what it was asked to.
package struct ZooKeeperSessionError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        /// The socket did not carry it; see ``SocketReply/Outcome``.
        case connection(SocketReply.Outcome)
        /// The server took the connection and closed it without a session: it has no quorum, or too many connections.
        case turnedAway
        /// The server is cut off from its quorum and answers reads only.
        case readOnlyServer
        case sessionExpired
        /// The server answered with an error.
        case refused(ZooKeeperCode)
        /// The reply is not what was asked for, or too long.
        case malformedReply(String)
        /// The tree is larger than the caller allowed.
        case treeTooLarge(limit: Int)
        /// An earlier failure ended this session.
        case ended
    }

    package var reason: Reason
    package var peer: String
    /// What was being done, with its path.
    package var action: String

    package init(reason: Reason, peer: String, action: String) {
        self.reason = reason
        self.peer = peer
        self.action = action
    }

    package var description: String {
        let what =
            switch self.reason {
            case .connection(let outcome): "\(outcome)"
            case .turnedAway:
                "the server closed the connection without a session; it has no quorum, or too many connections from here"
            case .readOnlyServer: "the server is cut off from its quorum and read-only"
            case .sessionExpired: "the session expired"
            case .refused(let code): "\(code)"
            case .malformedReply(let reason): "not ZooKeeper's reply: \(reason)"
            case .treeTooLarge(let limit): "the tree is larger than the limit of \(limit) znodes or its data too large"
            case .ended: "the session ended with an earlier failure; open a new one"
            }
        return "\(self.peer): \(self.action): \(what)"
    }
}

/// A client session: the only question that goes the way a client's would.
///
/// One request at a time, which the type enforces by being not copyable. Nothing keeps the session alive between requests:
/// it is for a look or a few writes, not for waiting. Letting go of it closes the socket, and the server ends the session
/// when its time is over; ``close()`` ends it at once, ephemeral nodes included.
package struct ZooKeeperSession: ~Copyable {
    /// Watch events and pings that may come before the reply we wait for; we ask for neither.
    private static let strayReplyLimit = 16
    /// Asked of the server, which cuts it to what it allows.
    private static let sessionTimeoutMilliseconds: Int32 = 10_000

    private var connection: SocketConnection
    private let timeout: Duration
    private var lastNumber: Int32 = 0
    private var hasEnded = false
    package let peer: String
    package let sessionID: Int64
    /// After so long without a request the server ends the session.
    package let negotiatedTimeout: Duration
    /// The highest transaction this server has shown.
    package private(set) var lastZxid = Zxid(0)

    /// Connects to one member and opens a session there; every later request has the same time-out.
    package static func open(
        address: String,
        port: UInt16,
        timeout: Duration,
        using prober: SocketProber
    ) async throws(ZooKeeperSessionError) -> ZooKeeperSession {
        let deadline = ContinuousClock.now + timeout
        var connection: SocketConnection
        do throws(SocketFailure) {
            connection = try await prober.connect(to: address, port: port, timeout: timeout)
        } catch {
            throw ZooKeeperSessionError(reason: .connection(error.outcome), peer: error.peer, action: "open a session")
        }
        let peer = connection.peer
        func failure(_ reason: ZooKeeperSessionError.Reason) -> ZooKeeperSessionError {
            ZooKeeperSessionError(reason: reason, peer: peer, action: "open a session")
        }
        let frame: [UInt8]
        do throws(FrameFailure) {
            let request = SessionMessage.connect(sessionTimeoutMilliseconds: Self.sessionTimeoutMilliseconds)
            frame = try await connection.receiveFrame(after: request, by: deadline)
        } catch {
            switch error {
            case .socket(.endedEarly), .socket(.reset): throw failure(.turnedAway)
            case .socket(let outcome): throw failure(.connection(outcome))
            case .badLength: throw failure(.malformedReply(error.text))
            }
        }
        let reply: ConnectReply
        do throws(ConnectReply.Refusal) {
            reply = try ConnectReply(frame)
        } catch {
            switch error {
            case .readOnlyServer: throw failure(.readOnlyServer)
            case .malformed(let reason): throw failure(.malformedReply(reason))
            }
        }
        guard reply.timeoutMilliseconds > 0 else { throw failure(.sessionExpired) }
        return ZooKeeperSession(connection: connection, timeout: timeout, reply: reply)
    }

    private init(connection: consuming SocketConnection, timeout: Duration, reply: ConnectReply) {
        self.peer = connection.peer
        self.connection = connection
        self.timeout = timeout
        self.sessionID = reply.sessionID
        self.negotiatedTimeout = .milliseconds(reply.timeoutMilliseconds)
    }
}

// MARK: Requests

extension ZooKeeperSession {
    /// The status of a znode, or `nil` if there is none.
    package mutating func exists(_ path: String) async throws(ZooKeeperSessionError) -> ZnodeStatus? {
        do throws(ZooKeeperSessionError) {
            return try await self.ask(.exists, "exists \(path)", SessionMessage.path(path)) {
                reader throws(JuteError) in try ZnodeStatus(reading: &reader)
            }
        } catch {
            guard error.reason == .refused(.noNode) else { throw error }
            return nil
        }
    }

    package mutating func get(_ path: String) async throws(ZooKeeperSessionError) -> Znode {
        try await self.ask(.getData, "get \(path)", SessionMessage.path(path)) { reader throws(JuteError) in
            Znode(data: try reader.readBuffer(), status: try ZnodeStatus(reading: &reader))
        }
    }

    /// The names of the children, sorted.
    package mutating func children(of path: String) async throws(ZooKeeperSessionError) -> [String] {
        try await self.ask(.getChildren, "children of \(path)", SessionMessage.path(path)) {
            reader throws(JuteError) in try reader.readStrings().sorted()
        }
    }

    /// Creates a znode that everybody may read and change.
    package mutating func create(
        _ path: String,
        data: [UInt8] = [],
        lifetime: ZnodeLifetime = .persistent
    ) async throws(ZooKeeperSessionError) {
        let body = SessionMessage.create(path, data: data, lifetime: lifetime)
        _ = try await self.ask(.create, "create \(path)", body) { reader throws(JuteError) in try reader.readString() }
    }

    /// Replaces the data; with a version, only if the znode still has it.
    @discardableResult
    package mutating func set(
        _ path: String,
        data: [UInt8],
        version: Int32 = -1
    ) async throws(ZooKeeperSessionError) -> ZnodeStatus {
        let body: (inout JuteWriter) -> Void = {
            $0.write(path)
            $0.write(data)
            $0.write(version)
        }
        return try await self.ask(.setData, "set \(path)", body) { reader throws(JuteError) in
            try ZnodeStatus(reading: &reader)
        }
    }

    /// Goes through the leader and a majority, and so shows that there is one.
    package mutating func sync(_ path: String = "/") async throws(ZooKeeperSessionError) {
        let body: (inout JuteWriter) -> Void = { $0.write(path) }
        _ = try await self.ask(.sync, "sync \(path)", body) { reader throws(JuteError) in try reader.readString() }
    }

    package mutating func ping() async throws(ZooKeeperSessionError) {
        try await self.ask(.ping, "ping", SessionMessage.emptyBody) { _ throws(JuteError) in }
    }

    /// Ends the session on the server.
    package consuming func close() async throws(ZooKeeperSessionError) {
        try await self.ask(.close, "close", SessionMessage.emptyBody) { _ throws(JuteError) in }
    }

    /// The identifier Kafka keeps in `/cluster/id`, or `nil` if there is none.
    package mutating func clusterID() async throws(ZooKeeperSessionError) -> String? {
        let path = "/cluster/id"
        let node: Znode
        do throws(ZooKeeperSessionError) {
            node = try await self.get(path)
        } catch {
            guard error.reason == .refused(.noNode) else { throw error }
            return nil
        }
        guard let id = (try? JSON(parsing: node.data))?["id"]?.stringValue else {
            throw self.failure(.malformedReply("\(path) holds no JSON object with an id"), "read \(path)")
        }
        return id
    }
}

// MARK: Frames

extension ZooKeeperSession {
    func failure(_ reason: ZooKeeperSessionError.Reason, _ action: String) -> ZooKeeperSessionError {
        ZooKeeperSessionError(reason: reason, peer: self.peer, action: action)
    }

    /// Sends one request and reads its reply to the last byte.
    ///
    /// An error number from the server leaves the session usable; anything else ends it.
    private mutating func ask<Answer>(
        _ operation: SessionMessage.Operation,
        _ action: String,
        _ body: (inout JuteWriter) -> Void,
        _ read: (inout JuteReader) throws(JuteError) -> Answer
    ) async throws(ZooKeeperSessionError) -> Answer {
        guard !self.hasEnded else { throw self.failure(.ended, action) }
        let number: Int32
        if operation == .ping {
            number = SessionMessage.pingNumber
        } else {
            self.lastNumber &+= 1
            number = self.lastNumber
        }
        let request = SessionMessage.request(number, operation, body)
        let frame: [UInt8]
        let header: ReplyHeader
        do throws(ZooKeeperSessionError) {
            (header, frame) = try await self.reply(to: number, request, action)
        } catch {
            self.hasEnded = true
            throw error
        }
        self.lastZxid = max(self.lastZxid, header.zxid)
        guard header.code.rawValue == 0 else { throw self.failure(.refused(header.code), action) }
        var reader = JuteReader(frame.dropFirst(ReplyHeader.length))
        do throws(JuteError) {
            let answer = try read(&reader)
            guard reader.remaining == 0 else { throw JuteError(message: "\(reader.remaining) bytes too many") }
            return answer
        } catch {
            self.hasEnded = true
            throw self.failure(.malformedReply(error.message), action)
        }
    }

    private mutating func reply(
        to number: Int32,
        _ request: [UInt8],
        _ action: String
    ) async throws(ZooKeeperSessionError) -> (ReplyHeader, [UInt8]) {
        let deadline = ContinuousClock.now + self.timeout
        var unsent = request
        for _ in 0...Self.strayReplyLimit {
            let frame: [UInt8]
            do throws(FrameFailure) {
                frame = try await self.connection.receiveFrame(after: unsent, by: deadline)
            } catch {
                switch error {
                case .socket(let outcome): throw self.failure(.connection(outcome), action)
                case .badLength: throw self.failure(.malformedReply(error.text), action)
                }
            }
            unsent = []
            let header: ReplyHeader
            do throws(JuteError) {
                header = try ReplyHeader(frame)
            } catch {
                throw self.failure(.malformedReply(error.message), action)
            }
            if header.number == number { return (header, frame) }
            // Negative numbers are events and pings; any other is a reply to something we never sent.
            guard header.number < 0 else {
                throw self.failure(.malformedReply("a reply to request \(header.number) instead of \(number)"), action)
            }
        }
        throw self.failure(.malformedReply("more than \(Self.strayReplyLimit) events before the reply"), action)
    }
}

/// Why no frame came.
private enum FrameFailure: Error {
    case socket(SocketReply.Outcome)
    case badLength(Int)

    var text: String {
        switch self {
        case .socket(let outcome): "\(outcome)"
        case .badLength(let length): "a frame of \(length) bytes"
        }
    }
}

extension SocketConnection {
    /// The longest reply taken; a server's own limit for one znode is 1 MiB unless raised.
    private static var frameLimit: Int { 8 << 20 }

    /// Sends a request, or nothing, and reads one frame without its length.
    fileprivate mutating func receiveFrame(
        after request: [UInt8],
        by deadline: ContinuousClock.Instant
    ) async throws(FrameFailure) -> [UInt8] {
        let length = try await self.receivePart(after: request, 4, by: deadline).reduce(0) { $0 << 8 | Int($1) }
        guard length >= ReplyHeader.length, length <= Self.frameLimit else { throw .badLength(length) }
        return try await self.receivePart(after: [], length, by: deadline)
    }

    private mutating func receivePart(
        after request: [UInt8],
        _ count: Int,
        by deadline: ContinuousClock.Instant
    ) async throws(FrameFailure) -> [UInt8] {
        do throws(SocketFailure) {
            return try await self.exchange(
                request,
                receiving: count,
                timeout: ContinuousClock.now.duration(to: deadline)
            )
        } catch {
            throw .socket(error.outcome)
        }
    }
}
