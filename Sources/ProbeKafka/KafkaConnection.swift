// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import Probes

/// Why a broker did not tell what it was asked.
package struct KafkaProblem: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        /// The socket did not carry it; see ``SocketReply/Outcome``.
        case connection(SocketReply.Outcome)
        /// The broker took the request and closed the connection.
        case hungUp
        /// The port speaks another protocol, which the text names.
        case notKafka(String)
        /// The answer is not what was asked for, or too long.
        case malformed(String)
        /// The broker answered with an error.
        case refused(KafkaErrorCode)
        /// The two sides have no version of the request in common.
        case noCommonVersion
        /// Its identity is not the one that was expected.
        case stranger(String)
        /// There is more than is taken in one look.
        case tooMuch(String)
    }

    package var reason: Reason
    package var peer: String
    /// What was being asked.
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
            case .hungUp:
                "it closed the connection without an answer; does the listener want TLS or SASL, which are not spoken here?"
            case .notKafka(let protocolName): "the port speaks \(protocolName), not plain Kafka"
            case .malformed(let reason): "not Kafka's answer: \(reason)"
            case .refused(let code): "\(code)"
            case .noCommonVersion: "the broker has no version of it that is spoken here"
            case .stranger(let text): text
            case .tooMuch(let text): text
            }
        return "\(self.peer): \(self.action): \(what)"
    }
}

/// One connection to a broker, with the versions agreed upon.
///
/// One request at a time, which the type enforces by being not copyable. Everything is due by one moment. After an answer
/// that cannot be read the connection is of no use any more and says so.
struct KafkaConnection: ~Copyable {
    private static let client = "selfheal"

    private var socket: SocketConnection
    private var lastCorrelation: Int32 = 0
    private var versions = ApiVersionsRequest.Reply(error: .none, versions: [:])
    private let deadline: ContinuousClock.Instant
    var peer: String { self.socket.peer }

    /// Connects and agrees on versions.
    static func open(
        _ endpoint: KafkaEndpoint,
        by deadline: ContinuousClock.Instant,
        using prober: SocketProber
    ) async throws(KafkaProblem) -> KafkaConnection {
        do throws(KafkaProblem) {
            return try await self.open(endpoint, startingAt: 3, by: deadline, using: prober)
        } catch {
            // Some hang up on a version they do not know, instead of naming those they do. Version 0 is known to all.
            guard error.reason == .hungUp else { throw error }
            return try await self.open(endpoint, startingAt: 0, by: deadline, using: prober)
        }
    }

    private static func open(
        _ endpoint: KafkaEndpoint,
        startingAt version: Int16,
        by deadline: ContinuousClock.Instant,
        using prober: SocketProber
    ) async throws(KafkaProblem) -> KafkaConnection {
        let socket: SocketConnection
        do throws(SocketFailure) {
            let timeout = ContinuousClock.now.duration(to: deadline)
            socket = try await prober.connect(to: endpoint.address, port: endpoint.port, timeout: timeout)
        } catch {
            throw KafkaProblem(reason: .connection(error.outcome), peer: error.peer, action: "connect")
        }
        var connection = KafkaConnection(socket, deadline)
        try await connection.negotiate(startingAt: version)
        return connection
    }

    private init(_ socket: consuming SocketConnection, _ deadline: ContinuousClock.Instant) {
        self.socket = socket
        self.deadline = deadline
    }

    private mutating func negotiate(startingAt version: Int16) async throws(KafkaProblem) {
        let request = ApiVersionsRequest()
        self.versions = try await self.exchange(request, version: version)
        if self.versions.error == .unsupportedVersion, version > 0 {
            self.versions = try await self.exchange(request, version: self.versions.version(of: .apiVersions) ?? 0)
        }
        guard self.versions.error == .none else {
            throw self.problem(.refused(self.versions.error), KafkaAPI.apiVersions.name)
        }
        guard !self.versions.versions.isEmpty else {
            throw self.problem(.malformed("it takes no request at all"), KafkaAPI.apiVersions.name)
        }
    }

    // MARK: Requests

    func offers(_ api: KafkaAPI) -> Bool {
        self.versions.version(of: api) != nil
    }

    /// Whether the cluster's controllers are a quorum of their own, and not brokers elected through ZooKeeper.
    var hasControllerQuorum: Bool { self.offers(.describeQuorum) }

    mutating func ask<Request: KafkaRequest>(_ request: Request) async throws(KafkaProblem) -> Request.Reply {
        guard let version = self.versions.version(of: Request.api) else {
            throw self.problem(.noCommonVersion, Request.api.name)
        }
        return try await self.exchange(request, version: version)
    }

    func problem(_ reason: KafkaProblem.Reason, _ action: String) -> KafkaProblem {
        KafkaProblem(reason: reason, peer: self.peer, action: action)
    }

    private mutating func exchange<Request: KafkaRequest>(
        _ request: Request,
        version: Int16
    ) async throws(KafkaProblem) -> Request.Reply {
        let action = Request.api.name
        self.lastCorrelation &+= 1
        let frame = request.frame(version: version, correlation: self.lastCorrelation, client: Self.client)
        let head = try await self.receive(after: frame, 4, action)
        let length = head.reduce(0) { $0 << 8 | Int($1) }
        guard length >= 4, length <= Request.replyLimit else {
            if let other = Self.otherProtocol(head) { throw self.problem(.notKafka(other), action) }
            throw self.problem(
                .malformed("a length of \(Int32(truncatingIfNeeded: length)), and \(Request.replyLimit) are taken"),
                action
            )
        }
        let answer = try await self.receive(after: [], length, action)
        do throws(KafkaWireError) {
            return try request.reply(in: answer, version: version, correlation: self.lastCorrelation)
        } catch {
            throw self.problem(.malformed("\(error.message) (version \(version))"), action)
        }
    }

    private mutating func receive(
        after request: [UInt8],
        _ count: Int,
        _ action: String
    ) async throws(KafkaProblem) -> [UInt8] {
        do throws(SocketFailure) {
            let timeout = ContinuousClock.now.duration(to: self.deadline)
            return try await self.socket.exchange(request, receiving: count, timeout: timeout)
        } catch {
            switch error.outcome {
            case .endedEarly, .reset: throw self.problem(.hungUp, action)
            default: throw self.problem(.connection(error.outcome), action)
            }
        }
    }

    /// What a server of another kind says first.
    private static func otherProtocol(_ head: [UInt8]) -> String? {
        switch (head[0], head[1]) {
        case (0x15, 3), (0x16, 3): "TLS"
        case (UInt8(ascii: "H"), UInt8(ascii: "T")): "HTTP"
        case (UInt8(ascii: "S"), UInt8(ascii: "S")): "SSH"
        default: nil
        }
    }
}
