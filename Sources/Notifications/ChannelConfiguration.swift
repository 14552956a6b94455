// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CurlTransfer
package import RunVocabulary

/// How one named channel reaches people.
package enum ChannelConfiguration: Sendable {
    case smtp(SMTP)
    case webhook(Webhook)
    case slack(Slack)
    /// Appends one JSON line per notice to a file; `/dev/stderr` prints them.
    case file(path: String)

    /// Mail by way of one server.
    package struct SMTP: Sendable {
        /// `smtp://host:port` or `smtps://host:port`.
        package var server: String
        package var requireTLS: MailEnvelope.TLSRequirement
        package var credentials: MailEnvelope.Credentials?
        /// An address, or `Name <address>`; so are the recipients.
        package var from: String
        package var to: [String]
        /// A PEM file of the authorities to trust, in place of the system's.
        package var trustedAuthorities: String?

        package init(
            server: String,
            requireTLS: MailEnvelope.TLSRequirement = .required,
            credentials: MailEnvelope.Credentials? = nil,
            from: String,
            to: [String],
            trustedAuthorities: String? = nil
        ) {
            self.server = server
            self.requireTLS = requireTLS
            self.credentials = credentials
            self.from = from
            self.to = to
            self.trustedAuthorities = trustedAuthorities
        }
    }

    /// A POST of JSON to any receiver, with the notice's id as `Idempotency-Key`.
    package struct Webhook: Sendable {
        /// A secret as a whole, since many receivers have no other.
        package var url: Secret<String>
        /// Further header lines, for a token say.
        package var headers: [(name: String, value: Secret<String>)]
        /// Signs each message; see ``MessageSignature``.
        package var signingKey: Secret<String>?
        package var trustedAuthorities: String?

        package init(
            url: Secret<String>,
            headers: [(name: String, value: Secret<String>)] = [],
            signingKey: Secret<String>? = nil,
            trustedAuthorities: String? = nil
        ) {
            self.url = url
            self.headers = headers
            self.signingKey = signingKey
            self.trustedAuthorities = trustedAuthorities
        }
    }

    /// An incoming webhook of Slack, or of a chat that takes the same form.
    package struct Slack: Sendable {
        package var url: Secret<String>

        package init(url: Secret<String>) {
            self.url = url
        }
    }
}
