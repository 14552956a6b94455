// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookSource
import RunbookYAML

/// `http:`: where the daemon listens, and whom it believes.
extension ConfigurationReader {
    /// A shorter secret can be guessed.
    private static let leastSecretBytes = 16

    func http(_ node: YAMLNode) -> HTTPSettings? {
        guard var reader = MappingReader(node, what: "'http'", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        let listen = reader.requiredText("listen", because: "write listen: 127.0.0.1:9480")
        let alertmanager = reader.take("alertmanager")
        let key = alertmanager.flatMap { self.key($0, "'alertmanager'") }
        let webhooks = (reader.named("webhooks", "a mapping of names to their keys") ?? []).compactMap { name, node in
            self.name(name, "webhook").flatMap { name in
                self.key(node, "webhook '\(name.value)'").map { HTTPSettings.Webhook(name: name.value, key: $0) }
            }
        }
        guard let listen else {
            return nil
        }
        guard let (address, port) = Self.place(listen.value) else {
            self.sink.report(.badListenAddress(listen.value, at: listen.span))
            return nil
        }
        if alertmanager == nil, !Self.isOnThisMachine(address) {
            self.sink.report(.openToEverybody(address, at: listen.span))
        }
        return HTTPSettings(address: address, port: port, alertmanager: key, webhooks: webhooks)
    }

    private func key(_ node: YAMLNode, _ what: String) -> HTTPSettings.Key? {
        guard var reader = MappingReader(node, what: what, sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        let token = self.secret("token", &reader)
        let signature = self.secret("signing_key", &reader)
        // What is there and no text has been reported.
        let written = ["token", "signing_key"].count { reader.keySpan($0) != nil }
        guard written == 1 else {
            self.sink.report(.noKeyOrTwo(what, at: reader.span))
            return nil
        }
        guard let key = token ?? signature else {
            return nil
        }
        guard key.value.reveal().utf8.count >= Self.leastSecretBytes else {
            self.sink.report(.shortSecret(what, least: Self.leastSecretBytes, at: key.span))
            return nil
        }
        return token == nil ? .signature(key.value) : .token(key.value)
    }

    /// `127.0.0.1:9480`, `[::1]:9480`.
    private static func place(_ text: String) -> (address: String, port: Int)? {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (1...65_535).contains(port)
        else {
            return nil
        }
        var address = text[..<colon]
        if address.hasPrefix("["), address.hasSuffix("]") {
            address = address.dropFirst().dropLast()
            let isSix = address.contains(":") && address.utf8.allSatisfy { Self.sixBytes.contains($0) }
            return isSix ? (String(address), port) : nil
        }
        let parts = address.split(separator: ".", omittingEmptySubsequences: false)
        let isFour =
            parts.count == 4
            && parts.allSatisfy { part in
                (1...3).contains(part.utf8.count) && part.utf8.allSatisfy { (48...57).contains($0) }
                    && Int(part).map { $0 < 256 } ?? false
            }
        return isFour ? (String(address), port) : nil
    }

    private static let sixBytes = Set("0123456789abcdefABCDEF:.".utf8)

    private static func isOnThisMachine(_ address: String) -> Bool {
        address == "::1" || address.hasPrefix("127.")
    }
}
