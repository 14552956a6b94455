// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl
internal import RunVocabulary

extension EasyHandle {
    /// Longest wait for one reply of a mail server; some examine a message before they accept it.
    static let mailReplySeconds = 60
    /// The one reply by which a server takes responsibility for a message.
    static let mailTaken = 250

    func prepare(_ mail: MailEnvelope, of transfer: Transfer) {
        self.letTransferOwnSockets(transfer)
        self.set(CURLOPT_URL, mail.server)
        self.set(CURLOPT_PROXY, "")
        self.set(CURLOPT_CONNECTTIMEOUT_MS, mail.connectTimeout.wholeMilliseconds)
        self.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, Self.mailReplySeconds)
        // A connection of its own, closed at the end: a kept one may be dead when it is needed.
        self.set(CURLOPT_FRESH_CONNECT, 1)
        self.set(CURLOPT_FORBID_REUSE, 1)
        self.set(CURLOPT_USE_SSL, Int(mail.requireTLS.option.rawValue))
        self.trust(mail.trustedAuthorities)
        if let credentials = mail.credentials {
            self.set(CURLOPT_USERNAME, credentials.user)
            self.set(CURLOPT_PASSWORD, credentials.password.reveal())
        }
        self.set(CURLOPT_MAIL_FROM, "<\(mail.from)>")
        self.set(CURLOPT_MAIL_RCPT, mail.recipients.map { "<\($0)>" })
        self.set(CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1)
        self.setUpload(mail.message)
    }
}

extension MailEnvelope.TLSRequirement {
    fileprivate var option: curl_usessl {
        switch self {
        case .never: CURLUSESSL_NONE
        case .opportunistic: CURLUSESSL_TRY
        case .required: CURLUSESSL_ALL
        }
    }
}

extension MailEnvelope {
    /// Longest address that is accepted, in bytes (RFC 5321 section 4.5.3.1.3).
    static let addressLimit = 256
    /// Longest line of a message without its end (RFC 5322 section 2.1.1).
    static let lineLimit = 998

    /// Throws what sending would throw at once, so that a mistake is found when configuration is read.
    package func check() throws(TransferError) {
        _ = try self.target()
    }

    func target() throws(TransferError) -> TransferTarget {
        let target = try TransferTarget(self.server, schemes: ["smtp", "smtps"])
        try self.validate(for: target)
        return target
    }

    /// Refuses what a server could take for something else than was meant.
    private func validate(for target: TransferTarget) throws(TransferError) {
        let origin = target.origin
        func refuse(_ problem: String, _ code: TransferError.Code = .badRequest) -> TransferError {
            TransferError(code, "the mail for \(origin) cannot be sent: \(problem)", host: origin)
        }
        guard target.secrets.isEmpty else {
            throw refuse("its URL holds a user or password; give them as credentials", .badURL)
        }
        guard !self.recipients.isEmpty else { throw refuse("it has no recipient") }
        guard self.recipients.count <= Self.recipientLimit else {
            throw refuse(
                "\(self.recipients.count) recipients exceed \(Self.recipientLimit); use a list on the mail server"
            )
        }
        guard Self.isAddress(self.from) else { throw refuse("its sender is not an address like name@example.org") }
        for (index, recipient) in self.recipients.enumerated() where !Self.isAddress(recipient) {
            throw refuse("recipient \(index + 1) is not an address like name@example.org")
        }
        guard self.message.count <= Self.messageLimit else {
            throw refuse("\(self.message.count) bytes exceed \(Self.messageLimit)", .tooLarge)
        }
        if let problem = Self.lineProblem(in: self.message) { throw refuse(problem) }
        if self.credentials != nil, target.scheme == "smtp", self.requireTLS != .required, !target.isLoopback {
            throw refuse("user and password could travel unencrypted; require TLS or use smtps://", .tlsFailed)
        }
    }

    private static func isAddress(_ text: String) -> Bool {
        guard text.utf8.count <= Self.addressLimit, let at = text.lastIndex(of: "@") else { return false }
        guard at != text.startIndex, text.index(after: at) != text.endIndex else { return false }
        return text.utf8.allSatisfy { byte in
            // No space or control character, no bracket that would end the address early.
            (0x21...0x7e).contains(byte) && byte != UInt8(ascii: "<") && byte != UInt8(ascii: ">")
        }
    }

    /// A lone CR or LF is a line end to some servers and not to others, and so can smuggle a second mail.
    private static func lineProblem(in message: [UInt8]) -> String? {
        let (lineFeed, carriageReturn) = (UInt8(ascii: "\n"), UInt8(ascii: "\r"))
        var length = 0
        var previous: UInt8 = 0
        for byte in message {
            if (byte == lineFeed) != (previous == carriageReturn) {
                return "its text holds a CR or LF that is no part of a CRLF"
            }
            if byte == 0 { return "its text holds a NUL byte; encode the body" }
            length = byte == lineFeed ? 0 : length + 1
            // The CR was counted too.
            if length > Self.lineLimit + 1 { return "a line exceeds \(Self.lineLimit) bytes; encode the body" }
            previous = byte
        }
        return previous == carriageReturn ? "its text ends with a CR" : nil
    }
}
