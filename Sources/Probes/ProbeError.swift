// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Why the probe layer itself could not work; never a statement about a target.
package struct ProbeError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// The kernel refused a descriptor or a thread.
        case resourceExhausted
    }

    package var code: Code
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { self.message }
}

/// A connection that did not carry the request or its answer.
package struct SocketFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var outcome: SocketReply.Outcome
    /// The address and port as the caller wrote them.
    package var peer: String

    package init(outcome: SocketReply.Outcome, peer: String) {
        self.outcome = outcome
        self.peer = peer
    }

    package var description: String { "\(self.peer): \(self.outcome)" }
}
