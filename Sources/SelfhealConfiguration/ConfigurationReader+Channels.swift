// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookSource
import RunbookYAML

extension ConfigurationReader {
    private enum KindWord: String, CaseIterable {
        case smtp
        case webhook
        case slack
        case file
        case console
    }

    func channels(_ node: YAMLNode) -> [Channel] {
        guard var reader = MappingReader(node, what: "'notifications'", sink: self.sink) else {
            return []
        }
        defer { reader.finish() }
        self.skip(UnactedKeys.notifications, &reader)
        var channels = reader.named("channels", "a mapping of names to channels")?.compactMap(self.channel) ?? []
        // A mail server that stands alone is a channel of that name.
        if let pair = reader.pair("smtp") {
            if channels.contains(where: { $0.name == "smtp" }) {
                self.sink.report(.duplicateChannel("smtp", at: pair.key.span))
            } else if var mail = MappingReader(pair.value, what: "'smtp'", sink: self.sink) {
                if let kind = self.mail(&mail) {
                    channels.append(Channel(name: "smtp", kind: kind))
                }
                mail.finish()
            }
        }
        return channels
    }

    private func channel(name: Spanned<String>, node: YAMLNode) -> Channel? {
        let what = "channel '\(name.value)'"
        guard self.name(name, "channel") != nil, var reader = MappingReader(node, what: what, sink: self.sink) else {
            return nil
        }
        let words = KindWord.allCases.map(\.rawValue).joined(separator: ", ")
        let help = "say what it is: kind: \(words)"
        let word = reader.require("kind", because: help).flatMap { reader.word($0, "kind", KindWord.self) }
        guard let word else {
            // What keys there may be depends on the kind.
            reader.finish(reportingUnknownKeys: false)
            return nil
        }
        let kind: Channel.Kind? =
            switch word.value {
            case .smtp: self.mail(&reader)
            case .webhook: self.webhook(&reader)
            case .slack: self.webAddress(&reader, "url", isSecret: true).map { .slack(url: $0) }
            case .file: reader.requiredText("path").map { .file(path: self.folders.resolve($0)) }
            case .console: .console
            }
        reader.finish()
        return kind.map { Channel(name: name.value, kind: $0) }
    }

    // MARK: Mail

    private func mail(_ reader: inout MappingReader) -> Channel.Kind? {
        let server = self.mailServer(&reader)
        let from = reader.requiredPair("from", or: ["from_email"]).flatMap {
            reader.text($0.value, $0.key.text).flatMap(self.mailAddress)
        }
        let recipients = self.recipients(&reader)
        let encryption = reader.word("tls", Channel.Mail.Encryption.self)
        let credentials = self.credentials(&reader)
        let authorities = reader.text("ca_file").map { self.folders.resolve($0) }
        guard let server, let from else {
            return nil
        }
        let isEncrypted = server.scheme == .smtps || (encryption?.value ?? .required) == .required
        if credentials != nil, !isEncrypted, !server.isOnThisMachine {
            self.sink.report(.passwordInTheOpen(at: encryption?.span ?? reader.span))
        }
        return .smtp(
            Channel.Mail(
                server: server.text,
                encryption: encryption?.value ?? (server.isOnThisMachine ? .opportunistic : .required),
                from: from,
                to: recipients,
                credentials: credentials,
                trustedAuthorities: authorities
            )
        )
    }

    private func recipients(_ reader: inout MappingReader) -> [String] {
        guard let pair = reader.requiredPair("to", or: ["to_emails"], because: "name who gets the mail") else {
            return []
        }
        let texts = reader.texts(pair.key.text) ?? []
        if case .sequence(let elements) = pair.value.kind, elements.isEmpty {
            self.sink.report(.noRecipients(at: pair.value.span))
        }
        return texts.compactMap(self.mailAddress)
    }

    /// `server: smtp://mail.example.com:587`, or `host:` and `port:`.
    private func mailServer(_ reader: inout MappingReader) -> MailServer? {
        let server = reader.text("server")
        let host = reader.text("host")
        let port = reader.port("port")
        if let server {
            if let host {
                self.sink.report(.sameMeaning("host", "server", at: host.span, first: server.span))
            }
            guard let read = MailServer(server.value) else {
                self.sink.report(.badMailServer(server.value, at: server.span))
                return nil
            }
            return read
        }
        guard let host else {
            if reader.take("host") == nil {
                _ = reader.require("server", because: "write server: smtp://mail.example.com:587")
            }
            return nil
        }
        guard Characters.isHost(host.value) else {
            self.sink.report(.badHost(host.value, at: host.span))
            return nil
        }
        return MailServer(host: host.value, port: port?.value)
    }

    private func mailAddress(_ text: Spanned<String>) -> String? {
        let parts = text.value.split(separator: "@", omittingEmptySubsequences: false)
        let isClean = text.value.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
        guard isClean, parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
            self.sink.report(.badMailAddress(text.value, at: text.span))
            return nil
        }
        return text.value
    }

    private func credentials(_ reader: inout MappingReader) -> Channel.Credentials? {
        let user = reader.text("user", or: "username")
        let password = self.secret("password", &reader)
        switch (user, password) {
        case (let user?, let password?):
            return Channel.Credentials(user: user.value, password: password.value)
        case (.some, nil):
            _ = reader.require("password", because: "write password: \"${SMTP_PASSWORD}\"")
            return nil
        case (nil, .some):
            _ = reader.require("user", because: "say whose password it is")
            return nil
        case (nil, nil):
            return nil
        }
    }

    // MARK: HTTP

    private func webhook(_ reader: inout MappingReader) -> Channel.Kind? {
        let url = self.webAddress(&reader, "url", isSecret: false)
        let key = self.secret("signing_key", or: ["secret"], &reader)?.value
        let headers = (reader.named("headers", "a mapping of names to texts") ?? []).compactMap { name, node in
            self.secret(node, name.value, isSecret: Self.carriesSecret(header: name.value), reader).map {
                Channel.Webhook.Header(name: name.value, value: $0.value)
            }
        }
        let authorities = reader.text("ca_file").map { self.folders.resolve($0) }
        return url.map {
            .webhook(Channel.Webhook(url: $0, headers: headers, signingKey: key, trustedAuthorities: authorities))
        }
    }

    /// An address; what it was is never said, since for many receivers it is the only secret there is.
    private func webAddress(_ reader: inout MappingReader, _ key: String, isSecret: Bool) -> Secret<String>? {
        guard let pair = reader.requiredPair(key, or: ["webhook_url"]),
            let address = self.secret(pair.value, pair.key.text, isSecret: isSecret, reader)
        else {
            return nil
        }
        let text = address.value.reveal()
        let scheme = ["https://", "http://"].first { text.hasPrefix($0) }
        guard let scheme, text.utf8.count > scheme.utf8.count, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            self.sink.report(.badWebAddress(in: reader.what, at: address.span))
            return nil
        }
        return address.value
    }

    private static func carriesSecret(header name: String) -> Bool {
        let name = name.lowercased()
        return ["auth", "token", "key", "secret", "cookie"].contains { name.contains($0) }
    }

    // MARK: Secrets

    func secret(
        _ key: String,
        or others: [String] = [],
        _ reader: inout MappingReader
    ) -> Spanned<Secret<String>>? {
        reader.pair(key, or: others).flatMap { self.secret($0.value, $0.key.text, isSecret: true, reader) }
    }

    /// A text that is kept from everyone's eyes, and had better not stand in the file.
    private func secret(
        _ node: YAMLNode,
        _ key: String,
        isSecret: Bool,
        _ reader: MappingReader
    ) -> Spanned<Secret<String>>? {
        guard let text = reader.text(node, key) else {
            return nil
        }
        if isSecret, !self.expanded.contains(text.span) {
            self.sink.report(.secretInFile(key, at: text.span))
        }
        return Spanned(Secret(text.value), at: text.span)
    }
}

/// Where mail is handed in.
private struct MailServer {
    enum Scheme: String {
        case smtp
        case smtps
    }

    let scheme: Scheme
    let text: String
    let isOnThisMachine: Bool

    /// Reads `smtp://host:port`.
    init?(_ text: String) {
        guard let colon = text.firstIndex(of: ":"), let scheme = Scheme(rawValue: String(text[..<colon])) else {
            return nil
        }
        let rest = text[colon...]
        guard rest.hasPrefix("://") else {
            return nil
        }
        var host = rest.dropFirst(3)
        if let end = host.lastIndex(of: ":"), !host.hasSuffix("]") {
            guard let port = Int(host[host.index(after: end)...]), (1...65_535).contains(port) else {
                return nil
            }
            host = host[..<end]
        }
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? host.dropFirst().dropLast() : host
        guard Characters.isHost(String(bare)) else {
            return nil
        }
        self.scheme = scheme
        self.text = text
        self.isOnThisMachine = Self.isOnThisMachine(String(bare))
    }

    /// Port 465 is for encryption from the first byte; every other one begins in the open.
    init(host: String, port: Int?) {
        self.scheme = port == 465 ? .smtps : .smtp
        let bracketed = host.contains(":") ? "[\(host)]" : host
        self.text = "\(self.scheme.rawValue)://\(bracketed)\(port.map { ":\($0)" } ?? "")"
        self.isOnThisMachine = Self.isOnThisMachine(host)
    }

    private static func isOnThisMachine(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }
}
