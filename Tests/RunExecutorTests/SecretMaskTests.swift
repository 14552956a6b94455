// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import Testing

@testable import RunExecutor

/// Secrets in what commands print.
@Suite struct SecretMaskTests {
    private static let secret = "s3cr3t/with+signs & more?"
    private let mask = SecretMask([Self.secret, "abc"])

    private static var forms: [String] {
        let bytes = Array(Self.secret.utf8)
        let percent = Self.secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return [
            Self.secret, bytes.map { String(format: "%02x", $0) }.joined(),
            bytes.map { String(format: "%02X", $0) }.joined(), percent,
        ]
    }

    @Test(arguments: Self.forms)
    func `a secret is taken out in each form, also where pieces of output cut it`(form: String) {
        let text = "before \(form), \(form)after"
        #expect(self.mask.mask(text) == "before <secret>, <secret>after")
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            let stream = StreamMask(self.mask)
            var shown = stream.pass(String(decoding: bytes[..<cut], as: UTF8.self), isError: false)
            shown += stream.pass(String(decoding: bytes[cut...], as: UTF8.self), isError: false)
            #expect(shown + stream.finish(isError: false) == "before <secret>, <secret>after")
        }
    }

    @Test(arguments: 0..<6)
    func `base64 of a text around a secret shows nothing of it but at its ends`(before: Int) {
        let text = String(repeating: "x", count: before) + Self.secret + "\n"
        let encoded = Data(text.utf8).base64EncodedString()
        let masked = self.mask.mask(encoded)
        #expect(masked.contains("<secret>"))
        let left = masked.split(separator: "<secret>", omittingEmptySubsequences: false).map(\.count)
        #expect(left.reduce(0, +) <= encoded.count - (Self.secret.utf8.count - 4) / 3 * 4)
    }

    @Test func `half a secret beside a place where something was left out goes, too`() {
        let (half, rest) = (Self.secret.prefix(12), Self.secret.suffix(9))
        #expect(
            self.mask.maskCut("a \(half)\(CommandReport.gap)\(rest) z") == "a <secret>\(CommandReport.gap)<secret> z"
        )
        #expect(self.mask.maskCut("a \(CommandReport.gap) z") == "a \(CommandReport.gap) z")
    }

    @Test func `what merely begins like a secret is shown in the end`() {
        let stream = StreamMask(self.mask)
        #expect(stream.pass("see s3cr", isError: false) == "see ")
        #expect(stream.pass("err", isError: true) == "err")
        #expect(stream.finish(isError: false) == "s3cr")
        #expect(self.mask.mask("s3cr") == "s3cr")
        // Too short to be looked for.
        #expect(self.mask.mask("abc") == "abc")
    }
}
