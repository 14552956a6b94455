// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Why a command has no result.
///
/// A command that ran and ended badly is not an error: that is a ``SSHCommandResult``.
package struct SSHError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The host's description cannot be used as it is.
        case invalidHost
        /// The command cannot be sent as it is: empty, too long, or with a zero byte.
        case invalidCommand
        /// No key is pinned, so the host cannot prove itself.
        case unknownHostKey
        /// The host presented another key of a type that is pinned.
        case changedHostKey
        /// The host presented a key of a type for which none is pinned.
        case hostKeyTypeNotPinned
        /// The host presented a key that the known-hosts file has marked as revoked.
        case revokedHostKey
        /// The known-hosts file cannot be read or understood.
        case knownHostsUnusable
        /// The ssh-agent does not answer, or has not the key.
        case agentUnavailable
        case authenticationRefused
        case keyFileUnreadable
        case nameNotFound
        case unreachable
        case connectionRefused
        /// Connected, but no session came of it: not SSH, no common algorithm, or dropped.
        case handshakeFailed
        case timedOut(Phase)
        /// The connection ended under the command.
        case connectionLost
        /// The server would not open a channel, or would not run commands.
        case channelRefused
        /// We have as many commands waiting as we allow.
        case overloaded
        case cancelled
        case shutDown
    }

    /// How far a command had come.
    package enum Phase: String, Hashable, Sendable {
        /// Waiting for a place on a connection.
        case queue
        /// Resolving the name and reading the key file.
        case resolve
        /// The TCP connection.
        case connect
        /// Greeting and key exchange, up to the host key.
        case handshake
        case authenticate
        /// Connected; the channel is not open yet.
        case open
        /// The command was sent.
        case command
    }

    package var code: Code
    /// What happened and what an operator can do about it, with the host named.
    package var message: String
    /// Whether the request to run the command has left us, so that it may have run, run still, or run on.
    ///
    /// `false` is a promise: not one byte of the command was sent, or the server answered that it did
    /// not start it. Recovery repeats a command on the strength of this.
    package var commandMayHaveStarted: Bool

    package init(_ code: Code, _ message: String, commandMayHaveStarted: Bool = false) {
        self.code = code
        self.message = message
        self.commandMayHaveStarted = commandMayHaveStarted
    }

    package var description: String { self.message }

    /// Whether trying again later, unchanged, might succeed.
    ///
    /// Says nothing about whether a repetition is safe: see ``commandMayHaveStarted``.
    package var isRetriable: Bool {
        switch self.code {
        case .nameNotFound, .unreachable, .connectionRefused, .handshakeFailed, .timedOut, .connectionLost,
            .channelRefused, .overloaded:
            true
        case .invalidHost, .invalidCommand, .unknownHostKey, .changedHostKey, .hostKeyTypeNotPinned, .revokedHostKey,
            .knownHostsUnusable, .agentUnavailable, .authenticationRefused, .keyFileUnreadable, .cancelled, .shutDown:
            false
        }
    }
}
