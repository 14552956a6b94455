// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CurlTransfer
internal import RunVocabulary

/// Chat messages by incoming webhook.
///
/// The service knows no idempotency: a notice whose answer got lost can appear twice.
struct SlackChannel: Channel {
    private let url: Secret<String>
    private let transfer: CurlTransfer

    init(_ configuration: ChannelConfiguration.Slack, transfer: CurlTransfer) throws(ChannelProblem) {
        self.url = configuration.url
        self.transfer = transfer
        try WebhookChannel.check(self.request(text: "", timeout: .seconds(1)))
    }

    func send(_ notice: Notice, timeout: Duration) async throws(ChannelFailure) -> String? {
        let request = self.request(text: Self.escaped(notice.presentable.plainText), timeout: timeout)
        return try await WebhookChannel.post(request, by: self.transfer, secrets: [self.url])
    }

    private func request(text: String, timeout: Duration) -> HTTPRequest {
        HTTPRequest(
            method: "POST",
            url: self.url.reveal(),
            headers: [HTTPHeader("Content-Type", "application/json; charset=utf-8")],
            body: JSON.object([JSONMember("text", .string(text))]).bytes,
            timeout: timeout,
            connectTimeout: timeout
        )
    }

    /// The three characters with a meaning of their own; without this a text could call everybody.
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
