// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// A way to reach people, by the name that runbooks know it by.
package struct Channel: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case smtp(Mail)
        case webhook(Webhook)
        /// An incoming webhook, whose address is all that a stranger would need.
        case slack(url: Secret<String>)
        /// One JSON line per notice.
        case file(path: String)
        /// The standard error of whoever runs the engine.
        case console
    }

    package var name: String
    package var kind: Kind

    package init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }

    package struct Mail: Hashable, Sendable {
        /// Whether the conversation with the server has to be encrypted.
        package enum Encryption: String, Hashable, Sendable, CaseIterable {
            case required
            /// Encrypted if the server offers it, which somebody between can prevent.
            case opportunistic
            case never
        }

        /// `smtp://host:port`, or `smtps://host:port` for encryption from the first byte.
        package var server: String
        package var encryption: Encryption
        /// An address, or `Name <address>`; so are the recipients.
        package var from: String
        package var to: [String]
        package var credentials: Credentials?
        /// A PEM file of the authorities to trust, in place of the system's.
        package var trustedAuthorities: String?
    }

    package struct Credentials: Hashable, Sendable {
        package var user: String
        package var password: Secret<String>
    }

    package struct Webhook: Hashable, Sendable {
        package struct Header: Hashable, Sendable {
            package var name: String
            package var value: Secret<String>
        }

        package var url: Secret<String>
        /// In the order of the file.
        package var headers: [Header]
        package var signingKey: Secret<String>?
        /// A PEM file of the authorities to trust, in place of the system's.
        package var trustedAuthorities: String?
    }
}
