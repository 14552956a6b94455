// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import RunPlan
import RunVocabulary

/// Looks over TLS, which a probe of a bare socket does not speak.
extension LiveProbeRunner {
    /// As over plain HTTP: the first of the body, no redirect followed.
    private static let httpsBodyLimit = 64 * 1024

    /// The server's certificate must be vouched for: who it is not, tells nothing.
    func askHTTPS(_ url: String, _ timeout: Milliseconds) async -> [String: Fact] {
        guard let transfer = self.transfer else {
            return ["problem": .string("'\(url)' needs TLS, which cannot be asked from here")]
        }
        let request = HTTPRequest(
            url: url,
            timeout: timeout.duration,
            connectTimeout: timeout.duration,
            trustedAuthorities: self.trustedAuthorities
        )
        do throws(TransferError) {
            let response = try await transfer.perform(request)
            return [
                "answered": .bool(true),
                "status": .int(Int64(response.status)),
                "body": .string(String(decoding: response.body.prefix(Self.httpsBodyLimit), as: UTF8.self)),
                "latency": .span(Milliseconds(response.duration)),
                "problem": .string(""),
            ]
        } catch {
            switch error.code {
            case .refused: return ["answered": .bool(false), "problem": .string("connection refused")]
            case .malformedReply: return ["answered": .bool(true), "problem": .string("not HTTP: \(error.message)")]
            default: return ["problem": .string(error.message)]
            }
        }
    }
}
