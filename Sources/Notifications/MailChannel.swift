// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CurlTransfer

struct MailChannel: Channel {
    private let configuration: ChannelConfiguration.SMTP
    private let sender: MailAddress
    private let recipients: [MailAddress]
    private let transfer: CurlTransfer

    /// Checks everything that can be known before the first mail.
    init(_ configuration: ChannelConfiguration.SMTP, transfer: CurlTransfer) throws(ChannelProblem) {
        guard let sender = MailAddress(configuration.from) else {
            throw ChannelProblem("its sender is not an address like name@example.org or Name <name@example.org>")
        }
        var recipients: [MailAddress] = []
        for (index, text) in configuration.to.enumerated() {
            guard let recipient = MailAddress(text) else {
                throw ChannelProblem("recipient \(index + 1) is not an address like name@example.org")
            }
            recipients.append(recipient)
        }
        self.configuration = configuration
        self.sender = sender
        self.recipients = recipients
        self.transfer = transfer
        do throws(TransferError) {
            try self.envelope(message: [], timeout: .seconds(1)).check()
        } catch {
            throw ChannelProblem(error.message)
        }
    }

    func send(_ notice: Notice, timeout: Duration) async throws(ChannelFailure) -> String? {
        let message = MailMessage(notice, from: self.sender, to: self.recipients)
        do throws(TransferError) {
            let receipt = try await self.transfer.send(self.envelope(message: message.bytes, timeout: timeout))
            guard !receipt.refusedRecipients.isEmpty else { return nil }
            let refused = receipt.refusedRecipients.map { "\($0.address) (\($0.reply.code) \($0.reply.text))" }
            return ShownText.line("the server took it, but not for \(refused.joined(separator: ", "))", limit: 1000)
        } catch {
            throw ChannelFailure(error)
        }
    }

    private func envelope(message: [UInt8], timeout: Duration) -> MailEnvelope {
        MailEnvelope(
            server: self.configuration.server,
            requireTLS: self.configuration.requireTLS,
            credentials: self.configuration.credentials,
            from: self.sender.address,
            recipients: self.recipients.map(\.address),
            message: message,
            timeout: timeout,
            connectTimeout: timeout,
            trustedAuthorities: self.configuration.trustedAuthorities
        )
    }
}
