// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CurlTransfer
internal import RunVocabulary

struct WebhookChannel: Channel {
    private static let ownHeaders: Set<String> = [
        "content-type", "idempotency-key", "x-selfheal-timestamp", "x-selfheal-signature",
    ]

    private let configuration: ChannelConfiguration.Webhook
    private let transfer: CurlTransfer
    private let unixMilliseconds: @Sendable () -> Int64

    init(
        _ configuration: ChannelConfiguration.Webhook,
        transfer: CurlTransfer,
        unixMilliseconds: @escaping @Sendable () -> Int64
    ) throws(ChannelProblem) {
        for header in configuration.headers where Self.ownHeaders.contains(header.name.lowercased()) {
            throw ChannelProblem("header '\(header.name)' is set by Selfheal itself; leave it out")
        }
        self.configuration = configuration
        self.transfer = transfer
        self.unixMilliseconds = unixMilliseconds
        try Self.check(self.request(body: [], key: "check", timeout: .seconds(1)))
    }

    func send(_ notice: Notice, timeout: Duration) async throws(ChannelFailure) -> String? {
        let body = notice.presentable.json.bytes
        let request = self.request(body: body, key: notice.deliveryKey, timeout: timeout)
        let secrets = [self.configuration.url] + self.configuration.headers.map(\.value)
        return try await Self.post(request, by: self.transfer, secrets: secrets)
    }

    private func request(body: [UInt8], key: String, timeout: Duration) -> HTTPRequest {
        var headers = [
            HTTPHeader("Content-Type", "application/json; charset=utf-8"),
            HTTPHeader("Idempotency-Key", key),
        ]
        headers += self.configuration.headers.map { HTTPHeader($0.name, $0.value.reveal()) }
        if let signingKey = self.configuration.signingKey {
            let unixSeconds = self.unixMilliseconds() / 1000
            let signature = MessageSignature.header(key: signingKey, unixSeconds: unixSeconds, body: body)
            headers.append(HTTPHeader("X-Selfheal-Timestamp", String(unixSeconds)))
            headers.append(HTTPHeader("X-Selfheal-Signature", signature))
        }
        return HTTPRequest(
            method: "POST",
            url: self.configuration.url.reveal(),
            headers: headers,
            body: body,
            timeout: timeout,
            connectTimeout: timeout,
            trustedAuthorities: self.configuration.trustedAuthorities
        )
    }

    static func check(_ request: HTTPRequest) throws(ChannelProblem) {
        do throws(TransferError) {
            try request.check()
        } catch {
            throw ChannelProblem(error.message)
        }
    }

    /// Sends a request and judges the answer, for every channel that speaks HTTP.
    static func post(
        _ request: HTTPRequest,
        by transfer: CurlTransfer,
        secrets: [Secret<String>]
    ) async throws(ChannelFailure) -> String? {
        let response: HTTPResponse
        do throws(TransferError) {
            response = try await transfer.perform(request)
        } catch {
            throw ChannelFailure(error)
        }
        if let failure = ChannelFailure(response, from: request.origin, secrets: secrets) { throw failure }
        return nil
    }
}
