// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl
internal import Glibc
internal import RunVocabulary

/// Everything that is known about a transfer that libcurl gave up.
struct CurlFailure {
    var result: CURLcode
    /// libcurl's own words, with the other side's in it at times.
    var text: String
    var systemError: CInt
    var excess: String?
    /// The last reply of a mail server.
    var reply: MailReceipt.Reply?
    var transfer: Transfer
}

extension TransferError {
    init(_ failure: CurlFailure) {
        let origin = failure.transfer.target.origin
        let place = failure.place
        let words = failure.shownText
        let code: Code
        let message: String
        var isRetriable = false

        if let refusal = failure.refusal {
            (code, message, isRetriable) = Self.rejection(refusal, of: failure)
            self.init(code, message, host: origin, isRetriable: isRetriable)
            return
        }
        switch failure.result {
        case CURLE_COULDNT_CONNECT where failure.systemError == ECONNREFUSED:
            (code, isRetriable) = (.refused, true)
            message = "\(place) refused the connection; check that something listens there"
        case CURLE_COULDNT_CONNECT where [EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, ENETDOWN].contains(failure.systemError):
            (code, isRetriable) = (.unreachable, true)
            message = "the network does not carry anything to \(place) (\(words)); check the way there"
        case CURLE_COULDNT_CONNECT:
            (code, isRetriable) = (.refused, true)
            message = "cannot connect to \(place) (\(words)); check the address and the way there"
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY:
            (code, isRetriable) = (.nameNotFound, true)
            message = "the name in \(origin) cannot be resolved; check its spelling and the resolver"
        case CURLE_OPERATION_TIMEDOUT where failure.transfer.isSent:
            (code, isRetriable) = (.timedOut, true)
            message = "\(place) took the request and gave no complete answer in time (\(words))"
        case CURLE_OPERATION_TIMEDOUT:
            (code, isRetriable) = (.timedOut, true)
            message = "\(place) did not get ready in time (\(words)); check the address, a firewall, and its load"
        case CURLE_USE_SSL_FAILED:
            code = .tlsFailed
            message =
                "\(place) does not offer the encryption that is required; "
                + "let it offer STARTTLS, use smtps://, or allow plain text"
        case CURLE_SSL_CACERT_BADFILE:
            code = .tlsFailed
            message = "the file of trusted authorities for \(origin) cannot be read (\(words)); check its path and form"
        case CURLE_PEER_FAILED_VERIFICATION:
            code = .tlsFailed
            message = "\(place) is not who it should be (\(words)); check its certificate and the trusted authorities"
        case CURLE_SSL_CONNECT_ERROR:
            // A connection that is cut in the middle of the handshake ends here too, and may do better next time.
            (code, isRetriable) = (.tlsFailed, true)
            message = "no encrypted connection to \(place) (\(words)); check that it speaks TLS on this port"
        case CURLE_LOGIN_DENIED:
            code = .authenticationFailed
            message = "\(place) did not accept user and password\(failure.replyText); check the credentials"
        case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE:
            (code, isRetriable) = (.connectionLost, true)
            message = "\(place) closed the connection before it had answered (\(words)); look at its log"
        case CURLE_WRITE_ERROR where failure.excess != nil:
            code = .tooLarge
            message = "\(place) sent \(failure.excess ?? "too much"); ask for less or raise the limit"
        case CURLE_URL_MALFORMAT:
            code = .badURL
            message = "the URL for \(origin) cannot be used (\(words))"
        case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING:
            code = .malformedReply
            message = "\(place) does not speak the expected protocol (\(words)); check the port"
        default:
            code = .other
            message = "the transfer to \(place) failed (\(words), libcurl error \(failure.result.rawValue))"
        }
        self.init(
            code,
            message,
            host: origin,
            isRetriable: isRetriable,
            requestMayHaveArrived: failure.transfer.isSent
        )
    }

    /// What follows from a mail server's no.
    ///
    /// What it refused it has not taken, so nothing arrived.
    private static func rejection(_ reply: MailReceipt.Reply, of failure: CurlFailure) -> (Code, String, Bool) {
        let text = failure.replyText
        if failure.result == CURLE_LOGIN_DENIED, reply.code >= 500 {
            let message = "\(failure.place) did not accept user and password\(text); check the credentials"
            return (.authenticationFailed, message, false)
        }
        let isTemporary = reply.code < 500
        let message =
            "\(failure.place) refused the mail\(text); "
            + (isTemporary ? "it may accept it later" : "check the addresses and what the server allows")
        return (.rejected(status: reply.code), message, isTemporary)
    }
}

extension CurlFailure {
    /// Most characters of libcurl's or a server's words that go into a message.
    private static let textLimit = 200

    /// Where the transfer went: the socket, if there is one, in place of the URL's host.
    var place: String {
        if case .request(let request, _) = self.transfer.work, let path = request.unixSocket {
            return "\(path) (\(self.transfer.target.origin))"
        }
        return self.transfer.target.origin
    }

    /// The reply that ended a mail, if a reply did and not the network.
    var refusal: MailReceipt.Reply? {
        guard case .mail = self.transfer.work, let reply = self.reply, reply.code >= 400 else { return nil }
        switch self.result {
        case CURLE_SEND_ERROR, CURLE_WEIRD_SERVER_REPLY, CURLE_REMOTE_ACCESS_DENIED, CURLE_LOGIN_DENIED: return reply
        default: return nil
        }
    }

    var shownText: String { self.shown(self.text) }

    var replyText: String {
        self.reply.map { " (\($0.code) \(self.shown($0.text)))" } ?? ""
    }

    /// Takes out what the other side must not put before an operator: control characters, length, and our secrets.
    private func shown(_ text: String) -> String {
        var text = String(
            String.UnicodeScalarView(text.unicodeScalars.filter { $0.properties.generalCategory != .control })
        )
        for secret in self.secrets where text.contains(secret) {
            text = text.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "<secret>")
        }
        return text.count > Self.textLimit ? "\(text.prefix(Self.textLimit))…" : text
    }

    private var secrets: [String] {
        guard case .mail(let mail) = self.transfer.work, let credentials = mail.credentials else {
            return self.transfer.target.secrets
        }
        return [credentials.password.reveal()].filter { !$0.isEmpty }
    }
}
