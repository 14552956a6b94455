// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl

/// Sends HTTP requests and mails through libcurl.
///
/// Its own threads do all the work, so that nothing here ever blocks a task: one for all of HTTP, and one for each mail
/// under way (see ``MailDispatcher``).
///
/// Cancelling the calling task returns to it at once; the connection is closed right after. Call ``shutdown()`` before
/// the process exits.
package final class CurlTransfer: Sendable {
    /// How much happens at once, and how much may wait.
    package struct Limits: Hashable, Sendable {
        /// Requests under way at the same time.
        package var concurrency: Int
        /// Requests waiting for a place; the next one is refused as ``TransferError/Code/overloaded``.
        package var waiting: Int
        /// Mails under way at the same time; the next one is refused likewise.
        package var mails: Int

        package init(concurrency: Int = 256, waiting: Int = 4096, mails: Int = 64) {
            precondition(concurrency > 0 && waiting > 0 && mails > 0)
            self.concurrency = concurrency
            self.waiting = waiting
            self.mails = mails
        }
    }

    /// Whether the proxies named by the environment (`https_proxy` and its like) are used.
    package enum ProxyUse: Hashable, Sendable {
        /// Every connection goes where its URL says. Right for probes and for anything inside a cluster.
        case direct
        case environment
    }

    private let web: TransferDriver
    private let mail: MailDispatcher
    private let proxyUse: ProxyUse

    package init(limits: Limits = Limits(), proxyUse: ProxyUse = .direct) {
        CurlLibrary.initialize()
        self.proxyUse = proxyUse
        self.web = TransferDriver(limits: limits)
        self.mail = MailDispatcher(limit: limits.mails)
    }

    deinit {
        self.web.stop()
        self.mail.stop()
    }

    /// Ends every transfer as cancelled and returns once every thread has let go of libcurl.
    ///
    /// May be called more than once. Later transfers are refused.
    package func shutdown() async {
        self.web.stop()
        self.mail.stop()
        await self.web.waitUntilStopped()
        await self.mail.waitUntilStopped()
    }

    /// Sends one request and returns whatever the server answers, any status included.
    ///
    /// A request that is not safe to repeat always gets a connection of its own: on a reused one libcurl would quietly
    /// send it again if the server hung up without a word.
    package func perform(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponse {
        let target = try request.target()
        let transfer = Transfer(.request(request, proxyUse: self.proxyUse), to: target, timeout: request.timeout)
        let answer = try await self.finish(transfer)
        return HTTPResponse(
            status: answer.status,
            headers: answer.headers,
            body: answer.body,
            duration: transfer.age
        )
    }

    /// Shakes hands with a server, and says whose certificate it showed and whether that is vouched for.
    ///
    /// A certificate that nobody vouches for takes a second handshake, as the first one ends before it can be read.
    package func shakeHands(_ handshake: TLSHandshake) async throws(TransferError) -> TLSHandshake.Outcome {
        let end = ContinuousClock.now + handshake.timeout
        let first = try await self.shakeHands(handshake, proving: true)
        guard case .distrusted(let reason) = first else {
            return first.outcome(distrust: nil)
        }
        var again = handshake
        again.timeout = max(.milliseconds(1), end - .now)
        return try await self.shakeHands(again, proving: false).outcome(distrust: reason)
    }

    private func shakeHands(
        _ handshake: TLSHandshake,
        proving isProving: Bool
    ) async throws(TransferError) -> TLSHandshake.End {
        let work = Transfer.Work.handshake(handshake, proving: isProving)
        let answer = try await self.finish(Transfer(work, to: handshake.target(), timeout: handshake.timeout))
        return answer.handshake ?? .noTLS("the handshake ended without a word")
    }

    private func finish(_ transfer: Transfer) async throws(TransferError) -> Answer {
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.attach(continuation)
                self.web.start(transfer)
            }
        } onCancel: {
            transfer.cancel()
            self.web.abandon(transfer)
        }
        return try outcome.get()
    }

    /// Hands one mail to its server and returns what the server said when it took responsibility.
    ///
    /// Succeeds if at least one recipient was accepted; the receipt names the others.
    package func send(_ mail: MailEnvelope) async throws(TransferError) -> MailReceipt {
        let target = try mail.target()
        let transfer = Transfer(.mail(mail), to: target, timeout: mail.timeout)
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                transfer.attach(continuation)
                self.mail.start(transfer)
            }
        } onCancel: {
            transfer.cancel()
        }
        let answer = try outcome.get()
        return MailReceipt(
            reply: answer.dialogue.verdict ?? MailReceipt.Reply(code: answer.status, text: ""),
            refusedRecipients: answer.dialogue.refused(of: mail.recipients),
            duration: transfer.age
        )
    }
}

/// The process-wide part of libcurl.
private enum CurlLibrary {
    private static let code = curl_global_init(Int(CURL_GLOBAL_ALL))

    static func initialize() {
        precondition(self.code == CURLE_OK, "libcurl cannot be initialised (error \(self.code.rawValue))")
    }
}
