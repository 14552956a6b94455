// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import Foundation
import RunVocabulary
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(10))) struct MailTransferTests {
    static let message = Array("From: a@example.org\r\nTo: b@example.org\r\nSubject: hello\r\n\r\ntext\r\n".utf8)

    @Test func `a mail is delivered and the server's words come back`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        let receipt = try await withTransfer { try await $0.send(Self.mail(to: sink.port)) }
        #expect(receipt.reply.code == 250)
        #expect(receipt.reply.text == "2.0.0 kept as number one")
        #expect(receipt.refusedRecipients == [])

        let mail = try sink.next()
        #expect(mail.from == "engine@example.org")
        #expect(mail.to == ["ada@example.org"])
        #expect(mail.header("Subject") == "hello")
        #expect(!mail.tls)
    }

    @Test func `lines that begin with a dot arrive as they were`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        var mail = Self.mail(to: sink.port)
        mail.message = Array("Subject: dots\r\n\r\n.\r\n..\r\n.one\r\nend.\r\n.\r\nlast\r\n".utf8)
        _ = try await withTransfer { [mail] in try await $0.send(mail) }
        #expect(try sink.next().raw == "Subject: dots\r\n\r\n.\r\n..\r\n.one\r\nend.\r\n.\r\nlast\r\n")
    }

    @Test func `one bad address does not keep the mail from the others`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        let recipients = ["ada@example.org", "nobody@example.org", "lin@example.org"]
        let receipt = try await withTransfer { try await $0.send(Self.mail(to: sink.port, recipients: recipients)) }
        #expect(receipt.reply.code == 250)
        #expect(
            receipt.refusedRecipients == [
                MailReceipt.RefusedRecipient(
                    address: "nobody@example.org",
                    reply: MailReceipt.Reply(code: 550, text: "5.1.1 no such mailbox")
                )
            ]
        )
        #expect(try sink.next().to == ["ada@example.org", "lin@example.org"])
    }

    @Test func `a mail that nobody may get is rejected for good`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        let error = try await Self.failure(of: Self.mail(to: sink.port, recipients: ["nobody@example.org"]))
        #expect(error.code == .rejected(status: 550))
        #expect(error.message.contains("no such mailbox"))
        #expect(!error.isRetriable)
        #expect(!error.requestMayHaveArrived)
    }

    @Test func `a sender who is refused is rejected for good, and one who is put off may try again`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        let refused = try await Self.failure(of: Self.mail(to: sink.port, from: "spammer@example.org"))
        #expect(refused.code == .rejected(status: 550))
        #expect(!refused.isRetriable)
        let later = try await Self.failure(of: Self.mail(to: sink.port, from: "hasty@example.org"))
        #expect(later.code == .rejected(status: 451))
        #expect(later.isRetriable)
        #expect(!later.requestMayHaveArrived)
    }

    @Test func `encryption and login work together`() async throws {
        try await withTemporaryFolder { folder in
            let certificate = try MailSink.Certificate(in: folder)
            let sink = try MailSink(tls: certificate, password: "hunter2")
            defer { sink.stop() }
            var mail = Self.mail(to: sink.port, requireTLS: .required)
            mail.credentials = .init(user: "engine", password: Secret("hunter2"))
            mail.trustedAuthorities = certificate.certificate
            let receipt = try await withTransfer { [mail] in try await $0.send(mail) }
            #expect(receipt.reply.code == 250)
            let arrived = try sink.next()
            #expect(arrived.tls)
            #expect(arrived.login == "engine")

            mail.credentials = .init(user: "engine", password: Secret("hunter3"))
            let denied = try await Self.failure(of: mail)
            #expect(denied.code == .authenticationFailed)
            #expect(!denied.isRetriable)
            #expect(!"\(denied) \(String(reflecting: denied))".contains("hunter3"))

            mail.trustedAuthorities = nil
            let untrusted = try await Self.failure(of: mail)
            #expect(untrusted.code == .tlsFailed)
            #expect(!untrusted.isRetriable)
            #expect(untrusted.message.contains("not who it should be"))
        }
    }

    @Test func `encryption from the first byte is encryption`() async throws {
        try await withTemporaryFolder { folder in
            let certificate = try MailSink.Certificate(in: folder)
            let sink = try MailSink(tls: certificate, implicit: true, password: "hunter2")
            defer { sink.stop() }
            var mail = Self.mail(to: sink.port, requireTLS: .required)
            mail.server = "smtps://localhost:\(sink.port)"
            mail.credentials = .init(user: "engine", password: Secret("hunter2"))
            mail.trustedAuthorities = certificate.certificate
            let receipt = try await withTransfer { [mail] in try await $0.send(mail) }
            #expect(receipt.reply.code == 250)
            let arrived = try sink.next()
            #expect(arrived.tls)
            #expect(arrived.login == "engine")

            mail.trustedAuthorities = "\(folder)/none.pem"
            let unreadable = try await Self.failure(of: mail)
            #expect(unreadable.code == .tlsFailed)
            #expect(unreadable.message.contains("file of trusted authorities"))
        }
    }

    @Test func `required encryption that is not offered refuses before a word of the mail`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        var mail = Self.mail(to: sink.port, requireTLS: .required)
        mail.credentials = .init(user: "engine", password: Secret("hunter2"))
        let error = try await Self.failure(of: mail)
        #expect(error.code == .tlsFailed)
        #expect(error.message.contains("STARTTLS"))
        #expect(!error.isRetriable)
        #expect(!error.requestMayHaveArrived)

        // Opportunistic takes what it gets.
        let receipt = try await withTransfer {
            try await $0.send(Self.mail(to: sink.port, requireTLS: .opportunistic))
        }
        #expect(receipt.reply.code == 250)
    }

    @Test(arguments: [MailEnvelope.TLSRequirement.never, .opportunistic])
    func `a password never travels in plain text off this machine`(
        requirement: MailEnvelope.TLSRequirement
    ) async throws {
        var mail = Self.mail(to: 25, requireTLS: requirement)
        mail.server = "smtp://mail.example.org"
        mail.credentials = .init(user: "engine", password: Secret("hunter2"))
        let error = try await Self.failure(of: mail)
        #expect(error.code == .tlsFailed)
        #expect(error.message.contains("unencrypted"))
    }

    @Test(arguments: [
        "", "ada", "@example.org", "ada@", "ada@example.org\r\nRCPT TO:<eve@example.org>",
        "ada@example.org> NOTIFY=NEVER",
        "ada lovelace@example.org", "äda@example.org", "ada@example.org\0",
    ])
    func `an address that would be read as something else is refused`(address: String) async throws {
        let asRecipient = try await Self.failure(of: Self.mail(to: 1, recipients: ["lin@example.org", address]))
        #expect(asRecipient.code == .badRequest)
        #expect(asRecipient.message.contains("recipient 2"))
        let asSender = try await Self.failure(of: Self.mail(to: 1, from: address))
        #expect(asSender.code == .badRequest)
    }

    @Test(arguments: [
        "Subject: x\n\ntext\n", "Subject: x\r\n\r\na\n.\nb\r\n", "Subject: x\r\n\r\na\r.\r\nb\r\n",
        "Subject: x\r\n\r\na\r",
        "Subject: x\r\n\r\n\0\r\n", "Subject: x\r\n\r\n" + String(repeating: "x", count: 999) + "\r\n",
    ])
    func `a message that servers read differently is refused`(message: String) async throws {
        var mail = Self.mail(to: 1)
        mail.message = Array(message.utf8)
        let error = try await Self.failure(of: mail)
        #expect(error.code == .badRequest)
    }

    @Test func `the longest line is allowed`() async throws {
        let sink = try MailSink()
        defer { sink.stop() }
        var mail = Self.mail(to: sink.port)
        mail.message = Array("Subject: x\r\n\r\n\(String(repeating: "x", count: 998))\r\n".utf8)
        let receipt = try await withTransfer { [mail] in try await $0.send(mail) }
        #expect(receipt.reply.code == 250)
    }

    @Test(arguments: ["http://127.0.0.1/", "smtp://ada:hunter2@127.0.0.1/", "mail.example.org:25"])
    func `a server that is no plain SMTP URL is refused`(server: String) async throws {
        var mail = Self.mail(to: 1)
        mail.server = server
        let error = try await Self.failure(of: mail)
        #expect(error.code == .badURL)
        #expect(!error.message.contains("hunter2"))
    }

    @Test func `nobody listening is a refusal`() async throws {
        let server = try ScriptedServer { _, _ in }
        server.stop()
        let error = try await Self.failure(of: Self.mail(to: server.port))
        #expect(error.code == .refused)
        #expect(!error.requestMayHaveArrived)
    }

    @Test func `a server that never greets runs into the timeout, with nothing sent`() async throws {
        let server = try ScriptedServer { connection, _ in connection.waitUntilClosed() }
        defer { server.stop() }
        var mail = Self.mail(to: server.port)
        mail.timeout = .milliseconds(200)
        let error = try await Self.failure(of: mail)
        #expect(error.code == .timedOut)
        #expect(error.isRetriable)
        #expect(!error.requestMayHaveArrived)
    }

    @Test func `silence after the message leaves it open whether the mail arrived`() async throws {
        let server = try ScriptedServer { connection, _ in
            Self.converse(connection) { _ in nil }
            connection.waitUntilClosed()
        }
        defer { server.stop() }
        var mail = Self.mail(to: server.port)
        // Long enough for a busy machine to come as far as the message.
        mail.timeout = .seconds(8)
        let error = try await Self.failure(of: mail)
        #expect(error.code == .timedOut)
        #expect(error.requestMayHaveArrived)
    }

    @Test func `a message that is refused after it was read has not arrived`() async throws {
        let server = try ScriptedServer { connection, _ in
            Self.converse(connection) { _ in "554 5.7.1 looks like spam\u{1b}[31m" }
            connection.waitUntilClosed()
        }
        defer { server.stop() }
        let error = try await Self.failure(of: Self.mail(to: server.port))
        #expect(error.code == .rejected(status: 554))
        #expect(error.message.contains("looks like spam"))
        #expect(!error.message.contains("\u{1b}"))
        #expect(!error.requestMayHaveArrived)
    }

    // Goal: libcurl waits for the answer to QUIT without returning; that must delay nothing but this mail.
    // Method: a server takes the mail and then falls silent, while requests are answered by another.
    @Test func `a server that ignores the goodbye holds up neither the mail nor a request`() async throws {
        let (events, says) = AsyncStream.makeStream(of: String.self)
        let mute = try ScriptedServer { connection, _ in
            Self.converse(connection) { _ in "250 taken" }
            _ = connection.line()
            says.yield("goodbye")
            connection.waitUntilClosed()
        }
        let web = try ScriptedServer { connection, _ in
            while connection.request() != nil { connection.answer("200 OK") }
        }
        defer {
            mute.stop()
            web.stop()
        }
        let started = ContinuousClock.now
        try await withTransfer { transfer in
            async let receipt = transfer.send(Self.mail(to: mute.port))
            var seen = events.makeAsyncIterator()
            #expect(await seen.next() == "goodbye")
            let response = try await transfer.perform(
                HTTPRequest(url: "http://127.0.0.1:\(web.port)/", timeout: .seconds(20))
            )
            #expect(response.status == 200)
            let text = try await receipt.reply.text
            #expect(text == "taken")
        }
        #expect(ContinuousClock.now - started < .seconds(25))
    }

    @Test func `cancelling in the middle of a conversation returns at once`() async throws {
        let (events, says) = AsyncStream.makeStream(of: String.self)
        let server = try ScriptedServer { connection, _ in
            connection.send("220 hello\r\n")
            _ = connection.line()
            says.yield("hello")
            connection.waitUntilClosed()
            says.yield("closed")
        }
        defer { server.stop() }
        let mail = Self.mail(to: server.port)
        await withTransfer { transfer in
            let task = Task { try await transfer.send(mail) }
            var seen = events.makeAsyncIterator()
            #expect(await seen.next() == "hello")
            task.cancel()
            let error = await #expect(throws: TransferError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(error?.requestMayHaveArrived == false)
            #expect(await seen.next() == "closed")
        }
    }

    // Goal: a mail that is cancelled while it is being sent is never taken for a complete, shorter one.
    // Method: the server stops reading after one line of a long message, and reads on once the sender has given up.
    @Test func `a mail that is cancelled halfway has no end`() async throws {
        let (events, says) = AsyncStream.makeStream(of: String.self)
        let isCancelled = DispatchSemaphore(value: 0)
        let server = try ScriptedServer(receiveBuffer: 4096) { connection, _ in
            connection.send("220 hello\r\n")
            while let line = connection.line(), line != "DATA" { connection.send("250 go on\r\n") }
            connection.send("354 speak\r\n")
            _ = connection.line()
            says.yield("reading")
            isCancelled.wait()
            var hasEnd = false
            while let line = connection.line() { hasEnd = hasEnd || line == "." }
            says.yield(hasEnd ? "ended" : "cut off")
        }
        defer { server.stop() }
        var mail = Self.mail(to: server.port)
        // More than the buffers of both sides hold.
        mail.message =
            Array("Subject: x\r\n\r\n".utf8) + Array(repeating: Array("text\r\n".utf8), count: 170_000).joined()
        await withTransfer { [mail] transfer in
            let task = Task { try await transfer.send(mail) }
            var seen = events.makeAsyncIterator()
            #expect(await seen.next() == "reading")
            task.cancel()
            let error = await #expect(throws: TransferError.self) { try await task.value }
            #expect(error?.code == .cancelled)
            #expect(error?.requestMayHaveArrived == false)
            isCancelled.signal()
            let end = await seen.next()
            #expect(end == "cut off")
        }
    }

    @Test func `shutting down hangs up on a mail under way`() async throws {
        let (events, says) = AsyncStream.makeStream(of: String.self)
        let server = try ScriptedServer { connection, _ in
            says.yield("connected")
            connection.waitUntilClosed()
        }
        defer { server.stop() }
        let transfer = CurlTransfer()
        let mail = Self.mail(to: server.port)
        let task = Task { try await transfer.send(mail) }
        var seen = events.makeAsyncIterator()
        #expect(await seen.next() == "connected")
        await transfer.shutdown()
        let error = await #expect(throws: TransferError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(error?.requestMayHaveArrived == false)
        let late = await #expect(throws: TransferError.self) { try await transfer.send(mail) }
        #expect(late?.code == .cancelled)
    }

    @Test func `more mails at once than allowed are refused`() async throws {
        let (events, says) = AsyncStream.makeStream(of: String.self)
        let server = try ScriptedServer { connection, _ in
            says.yield("connected")
            connection.waitUntilClosed()
        }
        defer { server.stop() }
        let mail = Self.mail(to: server.port)
        await withTransfer(limits: .init(mails: 1)) { transfer in
            let first = Task { try await transfer.send(mail) }
            var seen = events.makeAsyncIterator()
            #expect(await seen.next() == "connected")
            let error = await #expect(throws: TransferError.self) { try await transfer.send(mail) }
            #expect(error?.code == .overloaded)
            #expect(error?.isRetriable == true)
            first.cancel()
            _ = await first.result
        }
    }

    /// Plays a mail server up to its verdict on the message, for one recipient.
    private static func converse(_ connection: ScriptedConnection, verdict: (_ message: [String]) -> String?) {
        connection.send("220 hello\r\n")
        while let line = connection.line() {
            guard line == "DATA" else {
                connection.send("250 go on\r\n")
                continue
            }
            connection.send("354 speak\r\n")
            var message: [String] = []
            while let line = connection.line(), line != "." { message.append(line) }
            if let verdict = verdict(message) { connection.send("\(verdict)\r\n") }
            return
        }
    }

    private static func mail(
        to port: UInt16,
        requireTLS: MailEnvelope.TLSRequirement = .never,
        from: String = "engine@example.org",
        recipients: [String] = ["ada@example.org"]
    ) -> MailEnvelope {
        MailEnvelope(
            server: "smtp://127.0.0.1:\(port)",
            requireTLS: requireTLS,
            from: from,
            recipients: recipients,
            message: Self.message,
            timeout: .seconds(20)
        )
    }

    private static func failure(of mail: MailEnvelope) async throws -> TransferError {
        try #require(
            await withTransfer { transfer in
                await #expect(throws: TransferError.self) { try await transfer.send(mail) }
            }
        )
    }
}

func withTemporaryFolder(_ body: (String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "selfheal-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder)
}
