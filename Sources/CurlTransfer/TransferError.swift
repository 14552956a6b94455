// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Why a request or a mail got no complete answer.
///
/// An HTTP status of 500 is not an error here: it is an ``HTTPResponse``. A refusal by a mail server is one, because
/// then there is no receipt.
package struct TransferError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// Nothing accepts connections there.
        case refused
        /// The network does not carry anything there, which says nothing about who is there.
        case unreachable
        case timedOut
        case nameNotFound
        /// No encryption, or not with somebody we trust.
        case tlsFailed
        case authenticationFailed
        /// The mail server said no, with this reply code.
        case rejected(status: Int)
        /// The answer, or the message, exceeds its limit.
        case tooLarge
        case cancelled
        case badURL
        /// What was asked cannot be sent: a line break in a header, no recipient, a lone LF in a mail.
        case badRequest
        /// The connection ended before the answer did.
        case connectionLost
        /// The other side does not speak the protocol.
        case malformedReply
        /// Too many transfers are waiting already.
        case overloaded
        case other
    }

    package var code: Code
    /// What happened and what an operator can do about it, with the target named.
    ///
    /// Never holds a password, a header, or more of a URL than scheme, host and port.
    package var message: String
    /// Scheme, host and port, or a socket's path; empty if the URL could not be read.
    package var host: String
    /// Whether trying again, unchanged, might succeed.
    package var isRetriable: Bool
    /// Whether the other side may have acted on what we sent, though we got no answer.
    ///
    /// When this is `false`, repeating cannot do something twice.
    package var requestMayHaveArrived: Bool

    package init(
        _ code: Code,
        _ message: String,
        host: String = "",
        isRetriable: Bool = false,
        requestMayHaveArrived: Bool = false
    ) {
        self.code = code
        self.message = message
        self.host = host
        self.isRetriable = isRetriable
        self.requestMayHaveArrived = requestMayHaveArrived
    }

    package var description: String { self.message }
}

extension TransferError {
    static func cancelled(_ host: String, requestMayHaveArrived: Bool) -> Self {
        Self(
            .cancelled,
            "the transfer to \(host) was cancelled",
            host: host,
            requestMayHaveArrived: requestMayHaveArrived
        )
    }

    static func stopped(_ host: String, requestMayHaveArrived: Bool = false) -> Self {
        Self(
            .cancelled,
            "the transfer to \(host) ended because Selfheal is shutting down",
            host: host,
            requestMayHaveArrived: requestMayHaveArrived
        )
    }

    static func overloaded(_ host: String, waiting: Int) -> Self {
        Self(
            .overloaded,
            "\(waiting) transfers are waiting already; the one to \(host) was not started",
            host: host,
            isRetriable: true
        )
    }

    static func overloaded(_ host: String, underWay: Int) -> Self {
        Self(
            .overloaded,
            "\(underWay) mails are under way already; the one to \(host) was not started",
            host: host,
            isRetriable: true
        )
    }

    static func outOfMemory(_ host: String) -> Self {
        Self(.other, "libcurl has no memory for a transfer to \(host)", host: host)
    }

    static func waitedTooLong(_ host: String) -> Self {
        Self(
            .timedOut,
            "the transfer to \(host) found no free place in its time; too many others are under way",
            host: host,
            isRetriable: true
        )
    }
}
