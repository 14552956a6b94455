// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One question to one TCP port: connect, send, read until enough has come, close.
package struct SocketExchange: Hashable, Sendable {
    /// When the answer is long enough.
    package enum End: Hashable, Sendable {
        /// The peer closed its side.
        case end
        /// The connection stands and everything to send was handed to the kernel; nothing is read.
        case connected
        /// Exactly this many bytes arrived; bytes beyond them are left unread.
        case bytes(Int)
    }

    /// The most bytes read unless the request says otherwise: fifty times the longest `mntr`.
    package static let defaultReadLimit = 1 << 20

    /// A longer limit is cut to this.
    package static let largestReadLimit = 1 << 30

    /// A numeric IPv4 or IPv6 address, or a name.
    package var address: String
    package var port: UInt16
    package var send: [UInt8]
    package var readLimit: Int
    package var until: End
    /// Covers everything from the call to the reply, the wait for a free socket included.
    package var timeout: Duration

    package init(
        address: String,
        port: UInt16,
        send: [UInt8] = [],
        readLimit: Int = Self.defaultReadLimit,
        until: End = .end,
        timeout: Duration
    ) {
        self.address = address
        self.port = port
        self.send = send
        self.readLimit = readLimit
        self.until = until
        self.timeout = timeout
    }
}

/// What became of an exchange.
///
/// An unhealthy target is a reply, not an error, so nothing here is thrown.
package struct SocketReply: Hashable, Sendable {
    /// How the exchange ended.
    ///
    /// Only ``completed`` and ``refused`` say something definite about the target. Everything else leaves it
    /// unknown, and a caller must not turn it into "down".
    package enum Outcome: Hashable, Sendable {
        case completed
        /// The host answered that nothing listens there.
        case refused
        /// No answer within the time allowed.
        case timedOut(phase: Phase)
        /// The network could not carry the question; the text is the kernel's word for why.
        case unreachable(String)
        /// The peer broke the connection instead of closing it.
        case reset
        /// The peer closed before the promised number of bytes, or before everything was sent.
        case endedEarly
        /// More came than the read limit allows; what was read up to there is kept.
        case tooLong
        /// The name service says that the name does not exist.
        case nameNotFound
        /// The calling task was cancelled.
        case cancelled
        /// Nothing was sent, for a reason on our own side, which the text gives together with the cure.
        case notTried(String)
    }

    /// What was being waited for when the time ran out.
    package enum Phase: String, Hashable, Sendable {
        case lookup
        case connect
        case reply
    }

    package var outcome: Outcome
    /// What was read, also when the exchange failed halfway.
    package var bytes: [UInt8]
    /// From the first packet to the established connection, or `nil` if there never was one.
    package var connectDuration: Duration?
    /// From the call to the reply.
    package var totalDuration: Duration

    package init(outcome: Outcome, bytes: [UInt8] = [], connectDuration: Duration? = nil, totalDuration: Duration) {
        self.outcome = outcome
        self.bytes = bytes
        self.connectDuration = connectDuration
        self.totalDuration = totalDuration
    }
}

extension SocketReply.Outcome: CustomStringConvertible {
    package var description: String {
        switch self {
        case .completed: "completed"
        case .refused: "connection refused"
        case .timedOut(.lookup): "the name lookup timed out"
        case .timedOut(.connect): "the connection timed out"
        case .timedOut(.reply): "connected, but no complete answer in time"
        case .unreachable(let reason): "unreachable: \(reason)"
        case .reset: "connection reset by the peer"
        case .endedEarly: "the peer closed the connection too early"
        case .tooLong: "the answer is longer than the read limit"
        case .nameNotFound: "no such host name"
        case .cancelled: "cancelled"
        case .notTried(let reason): "not tried: \(reason)"
        }
    }
}
