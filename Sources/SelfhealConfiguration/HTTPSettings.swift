// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// What `selfheal serve` answers over HTTP.
package struct HTTPSettings: Hashable, Sendable {
    /// How one knows who posts.
    package enum Key: Hashable, Sendable {
        /// `Authorization: Bearer …`.
        case token(Secret<String>)
        /// HMAC-SHA256 over the moment and the body, as our own webhooks are signed.
        case signature(Secret<String>)
    }

    package struct Webhook: Hashable, Sendable {
        package var name: String
        package var key: Key

        package init(name: String, key: Key) {
            self.name = name
            self.key = key
        }
    }

    /// A number, such as `127.0.0.1` or `::1`.
    package var address: String
    package var port: Int
    /// Without one, anybody who can connect may send alerts, which is for this machine alone.
    package var alertmanager: Key?
    package var webhooks: [Webhook]

    package init(address: String, port: Int, alertmanager: Key? = nil, webhooks: [Webhook] = []) {
        self.address = address
        self.port = port
        self.alertmanager = alertmanager
        self.webhooks = webhooks
    }
}
