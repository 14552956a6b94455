// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Why two processes could not talk over the control socket.
package struct ControlError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// There is no socket: no engine runs in this folder.
        case noEngine
        /// The socket is there and nobody listens: an engine ended without tidying up.
        case staleSocket
        /// The socket belongs to somebody else.
        case forbidden
        /// The engine ended, or closed the connection, before it had answered.
        case engineGone
        /// No answer within the time allowed.
        case timedOut
        /// The other side would not take it, and said why: too large, too many connections.
        case refused
        /// A frame that is larger than agreed, or an answer of the wrong shape.
        case malformed
        /// A call of the operating system failed.
        case system
        /// The caller was cancelled.
        case cancelled
    }

    package var code: Code
    /// What happened and what an operator can do about it, with the path named.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { self.message }
}

/// Sizes and times at which either side says no.
package struct ControlLimits: Hashable, Sendable {
    package var requestBytes = 256 << 10
    package var frameBytes = 16 << 20
    /// Clients at once; one more is told so and closed.
    package var connections = 64
    /// How long a client may take over one request, from its connection or its last answer on.
    package var requestTime = Duration.seconds(10)
    /// How long a client may take no byte of its answer.
    package var replyTime = Duration.seconds(10)
    /// Bytes queued for one client before whoever produces its frames is made to wait.
    package var outboxBytes = 1 << 20

    package init() {}
}
