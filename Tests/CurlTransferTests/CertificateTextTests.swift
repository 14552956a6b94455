// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import CurlTransfer

@Suite struct CertificateTextTests {
    @Test(
        arguments: [
            ("Jan  1 00:00:00 1970 GMT", 0), ("Nov 21 21:56:00 2026 GMT", 1_795_298_160),
            ("Feb 29 12:00:00 2028 GMT", 1_835_438_400), ("Dec 31 23:59:59 9999 GMT", 253_402_300_799),
            ("Dec 31 23:59:59 1969 GMT", -1),
        ] as [(String, Int64)]
    )
    func `a date is read as OpenSSL writes it`(text: String, seconds: Int64) {
        #expect(CertificateText.seconds(text[...]) == seconds)
    }

    @Test(arguments: [
        "", "never", "Jan 1 1970 GMT", "Jan 32 00:00:00 1970 GMT", "Foo 1 00:00:00 1970 GMT",
        "Jan 1 24:00:00 1970 GMT", "Jan 1 00:00:00 1970 CET", "Jan 1 00:00 1970 GMT", "Jan 1 00:00:00 99999 GMT",
        "Jan 1 00:00:00 -1 GMT", "Bad time value",
    ])
    func `what is no date is nothing`(text: String) {
        #expect(CertificateText.seconds(text[...]) == nil)
    }

    @Test func `names are hosts and addresses, so many and no more`() {
        let many = (0..<500).map { "DNS:h\($0).example" }.joined(separator: ", ")
        let peer = CertificateText.peer([
            "Subject:CN = a\u{1B}[31m\u{202E}b", "no colon", "X509v3 Subject Alternative Name:email:x@y, \(many)",
        ])
        #expect(peer.subject == "CN = a[31mb")
        #expect(peer.names.count == TLSHandshake.nameLimit)
        #expect(peer.names.first == "h0.example")
        #expect(peer.notAfter == nil && peer.issuer == nil)
    }

    @Test func `a long text is cut`() {
        #expect(CertificateText.cleaned(String(repeating: "x", count: 5_000)).count == 301)
    }
}
