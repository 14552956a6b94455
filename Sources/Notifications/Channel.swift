// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CurlTransfer
internal import RunVocabulary

/// One way to reach people, tried once at a time; ``NotificationService`` repeats.
protocol Channel: Sendable {
    /// Hands over one notice and returns what the other side had to remark, if anything.
    func send(_ notice: Notice, timeout: Duration) async throws(ChannelFailure) -> String?
}

/// Why one attempt came to nothing.
struct ChannelFailure: Error, Hashable, Sendable {
    /// What happened, with the target named and without anything secret.
    var message: String
    var isRetriable: Bool
    /// How long the other side asks us to wait.
    var retryAfter: Duration?
    var mayHaveArrived = false
    var isCancellation = false
}

extension ChannelFailure {
    init(_ error: TransferError) {
        self.init(
            message: error.message,
            isRetriable: error.isRetriable,
            mayHaveArrived: error.requestMayHaveArrived,
            isCancellation: error.code == .cancelled
        )
    }

    /// What an HTTP receiver's answer means, or `nil` if it took the notice.
    init?(_ response: HTTPResponse, from host: String, secrets: [Secret<String>]) {
        guard !(200..<300).contains(response.status) else { return nil }
        let words = Self.words(of: response, without: secrets)
        self.init(
            message: "\(host) answered \(response.status)\(words); \(Self.cure(for: response.status))",
            isRetriable: Self.isTemporary(response.status),
            retryAfter: response.header("Retry-After").flatMap { Int64($0) }.flatMap { $0 >= 0 ? .seconds($0) : nil }
        )
    }

    private static func isTemporary(_ status: Int) -> Bool {
        switch status {
        case 408, 425, 429, 500...599: true
        default: false
        }
    }

    private static func cure(for status: Int) -> String {
        switch status {
        case 300...399: "redirects are not followed, so configure the final URL"
        case 401, 403: "check the token or the URL"
        case 404, 410: "check the URL; the receiver may have been removed"
        case 408, 425, 429, 500...599: "it may take the notice later"
        default: "check what the receiver expects"
        }
    }

    /// The beginning of the answer, since receivers say in it what they dislike.
    private static func words(of response: HTTPResponse, without secrets: [Secret<String>]) -> String {
        var text = ShownText.line(String(decoding: response.body.prefix(2000), as: UTF8.self), limit: 2000)
        for secret in secrets.map({ $0.reveal() }) where !secret.isEmpty {
            text = text.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "<secret>")
        }
        text = ShownText.line(text, limit: 120)
        return text.allSatisfy(\.isWhitespace) ? "" : " ('\(text)')"
    }
}
