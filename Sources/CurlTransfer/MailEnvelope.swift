// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// One mail as SMTP carries it: where to hand it over, for whom, and its bytes.
///
/// The envelope is what counts for delivery. Whatever the message's own `To:` says is for its reader.
package struct MailEnvelope: Sendable {
    /// Most recipients of one mail; a longer list belongs on the mail server.
    package static let recipientLimit = 100
    /// Largest message that is sent.
    package static let messageLimit = 1 << 20

    /// Whether the conversation with the server has to be encrypted.
    package enum TLSRequirement: String, Hashable, Sendable {
        /// Plain text, even if the server offers more. For a relay on this very machine.
        case never
        /// Encrypted if the server offers it, which somebody between can prevent.
        case opportunistic
        /// Encrypted with a verified certificate, or not at all.
        case required
    }

    /// Who we are to the server.
    package struct Credentials: Sendable {
        package var user: String
        package var password: Secret<String>

        package init(user: String, password: Secret<String>) {
            self.user = user
            self.password = password
        }
    }

    /// `smtp://host:port`, or `smtps://host:port` for encryption from the first byte.
    package var server: String
    package var requireTLS: TLSRequirement
    /// Refused over a connection that may turn out to be plain text, unless the server is on this machine.
    package var credentials: Credentials?
    package var from: String
    package var recipients: [String]
    /// A complete RFC 5322 message with CRLF line ends; a lone CR or LF is refused, since servers disagree on its meaning.
    package var message: [UInt8]
    package var timeout: Duration
    package var connectTimeout: Duration
    /// A PEM file of the authorities to trust, in place of the system's.
    package var trustedAuthorities: String?

    package init(
        server: String,
        requireTLS: TLSRequirement,
        credentials: Credentials? = nil,
        from: String,
        recipients: [String],
        message: [UInt8],
        timeout: Duration = .seconds(30),
        connectTimeout: Duration = .seconds(10),
        trustedAuthorities: String? = nil
    ) {
        self.server = server
        self.requireTLS = requireTLS
        self.credentials = credentials
        self.from = from
        self.recipients = recipients
        self.message = message
        self.timeout = timeout
        self.connectTimeout = connectTimeout
        self.trustedAuthorities = trustedAuthorities
    }
}

/// What a mail server said when it took responsibility for a message.
package struct MailReceipt: Hashable, Sendable {
    /// A reply of an SMTP server, its lines joined.
    package struct Reply: Hashable, Sendable {
        package var code: Int
        package var text: String

        package init(code: Int, text: String) {
            self.code = code
            self.text = text
        }
    }

    /// Somebody on the list whom the server would not take, while it took others.
    package struct RefusedRecipient: Hashable, Sendable {
        package var address: String
        package var reply: Reply

        package init(address: String, reply: Reply) {
            self.address = address
            self.reply = reply
        }
    }

    package var reply: Reply
    /// In the order of the envelope; one bad address must not keep a page from the others.
    package var refusedRecipients: [RefusedRecipient]
    package var duration: Duration

    package init(reply: Reply, refusedRecipients: [RefusedRecipient] = [], duration: Duration = .zero) {
        self.reply = reply
        self.refusedRecipients = refusedRecipients
        self.duration = duration
    }
}
