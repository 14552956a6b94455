// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import Testing

@testable import Notifications

@Suite struct MailTextTests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy"),
        ("ÿþ", "w7/Dvg=="),
    ])
    func `base64 is as RFC 4648 has it`(text: String, encoded: String) {
        #expect(MailText.base64(Array(text.utf8)) == encoded)
    }

    @Test(arguments: [
        ("plain", "plain\r\n"), ("a=b", "a=3Db\r\n"), ("end ", "end=20\r\n"), ("tab\t", "tab=09\r\n"),
        ("grün", "gr=C3=BCn\r\n"), ("a\nb", "a\r\nb\r\n"), ("", "\r\n"), (".", ".\r\n"), ("\u{7f}", "=7F\r\n"),
    ])
    func `quoted-printable keeps what is safe and quotes the rest`(text: String, encoded: String) {
        #expect(String(decoding: MailText.quotedPrintable(text), as: UTF8.self) == encoded)
    }

    @Test(arguments: ["x", "ü", "= ", "👩‍👩‍👧"])
    func `no encoded line is longer than 76`(unit: String) {
        for count in 1...200 {
            let encoded = MailText.quotedPrintable(String(repeating: unit, count: count))
            let lines = String(decoding: encoded, as: UTF8.self).split(separator: "\r\n")
            #expect(lines.allSatisfy { $0.utf8.count <= 76 })
        }
    }

    @Test func `a plain subject stays as it is and is folded at spaces`() {
        #expect(MailText.header("Subject", "short one") == "Subject: short one\r\n")
        let long = Array(repeating: "words", count: 30).joined(separator: " ")
        let header = MailText.header("Subject", long)
        #expect(header.split(separator: "\r\n").allSatisfy { $0.utf8.count <= 76 })
        #expect(header.replacing("\r\n ", with: " ") == "Subject: \(long)\r\n")
    }

    @Test func `other subjects become encoded words that end between characters`() {
        #expect(MailText.header("Subject", "grün") == "Subject: =?utf-8?B?Z3LDvG4=?=\r\n")
        let header = MailText.header("Subject", String(repeating: "ü", count: 100))
        let words = header.dropFirst("Subject: ".count).split(separator: "\r\n").map { $0.drop { $0 == " " } }
        #expect(words.count > 1)
        #expect(words.allSatisfy { $0.utf8.count <= 75 && $0.hasPrefix("=?utf-8?B?") && $0.hasSuffix("?=") })
    }

    @Test func `a subject that looks encoded is encoded itself`() {
        #expect(!MailText.header("Subject", "=?utf-8?B?Z3LDvG4=?=").contains("Z3LDvG4"))
    }

    @Test(arguments: ["a\r\nBcc: eve@example.org", "a\nBcc: eve@example.org", "a\rBcc: eve@example.org", "ü\r\nBcc: e"])
    func `a line break in a header never begins another one`(text: String) {
        let header = MailText.header("Subject", text)
        #expect(header.hasSuffix("\r\n"))
        let later = header.split(whereSeparator: \.isNewline).dropFirst()
        #expect(later.allSatisfy { $0.hasPrefix(" ") })
    }
}

@Suite struct MailAddressTests {
    @Test(arguments: [
        ("ada@example.org", "ada@example.org"), ("Ada <ada@example.org>", "\"Ada\" <ada@example.org>"),
        ("\"Ada, L.\" <ada@example.org>", "\"Ada, L.\" <ada@example.org>"), ("<ada@example.org>", "ada@example.org"),
        ("Ädä <ada@example.org>", "=?utf-8?B?w4Rkw6Q=?= <ada@example.org>"),
        ("A \"q\" <ada@example.org>", "\"A \\\"q\\\"\" <ada@example.org>"),
    ])
    func `an address keeps its name`(text: String, header: String) throws {
        #expect(try #require(MailAddress(text)).headerText == header)
    }

    @Test(arguments: [
        "", "ada", "@example.org", "ada@", "a b@example.org", "ada@exa mple.org", "ada@example.org, eve@example.org",
        "ada@example.org\r\nBcc: eve@example.org", "Ada\r\nBcc: eve@example.org <ada@example.org>", "a@b@<c",
        "ada@.org",
        "ada@example.org>", "äda@example.org",
    ])
    func `what could be read as something else is no address`(text: String) {
        #expect(MailAddress(text) == nil)
    }
}

@Suite struct CivilTimeTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000Z", "Thu, 1 Jan 1970 00:00:00 +0000"),
        (1_795_230_855_926, "2026-11-21T03:14:15.926Z", "Sat, 21 Nov 2026 03:14:15 +0000"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 +0000"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z", "Thu, 29 Feb 2024 23:59:59 +0000"),
        (1_709_251_200_000, "2024-03-01T00:00:00.000Z", "Fri, 1 Mar 2024 00:00:00 +0000"),
        (-1, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 +0000"),
        (4_102_444_800_000, "2100-01-01T00:00:00.000Z", "Fri, 1 Jan 2100 00:00:00 +0000"),
    ])
    func `moments are written as calendars have them`(milliseconds: Int64, rfc3339: String, rfc5322: String) {
        let time = CivilTime(unixMilliseconds: milliseconds)
        #expect(time.rfc3339 == rfc3339)
        #expect(time.rfc5322 == rfc5322)
    }
}

@Suite struct MessageSignatureTests {
    @Test func `the code is as RFC 4231 has it`() {
        let first = MessageSignature.code(key: [UInt8](repeating: 0x0b, count: 20), message: Array("Hi There".utf8))
        #expect(first.hexadecimal == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
        let second = MessageSignature.code(
            key: Array("Jefe".utf8),
            message: Array("what do ya want for nothing?".utf8)
        )
        #expect(second.hexadecimal == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let longKey = MessageSignature.code(
            key: [UInt8](repeating: 0xaa, count: 131),
            message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8)
        )
        #expect(longKey.hexadecimal == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }
}

@Suite struct PresentableNoticeTests {
    @Test func `a long message is cut where everybody sees it`() {
        let notice = Notice.sample(message: String(repeating: "ü", count: 10_000)).presentable
        #expect(notice.message.hasPrefix("üü"))
        #expect(notice.message.hasSuffix("\n… [cut: 3616 of 20000 bytes left out]"))
        #expect(notice.message.utf8.count < Notice.messageLimit + 100)
        let whole = String(repeating: "x", count: Notice.messageLimit)
        #expect(Notice.sample(message: whole).presentable.message == whole)
    }

    @Test func `control characters and line breaks cannot act`() {
        let notice = Notice.sample(
            title: "a\r\nBcc: eve",
            message: "one\r\ntwo\rthree\u{1b}[2J\u{202e}x\ty",
            facts: [.init("na\nme", "va\u{2028}lue")]
        ).presentable
        #expect(notice.title == "a  Bcc: eve")
        #expect(notice.message == "one\ntwo\nthree\u{FFFD}[2J\u{FFFD}x\ty")
        #expect(notice.facts == [.init("na me", "va lue")])
    }

    @Test func `too many facts are counted, and a long one is cut`() {
        let facts = (0..<40).map { Notice.Fact("n\($0)", String(repeating: "v", count: 600)) }
        let notice = Notice.sample(facts: facts).presentable
        #expect(notice.facts.count == 33)
        #expect(notice.facts.last == Notice.Fact("…", "[cut: 8 facts left out]"))
        #expect(notice.facts[0].value == String(repeating: "v", count: 512) + "…")
    }

    @Test func `an id becomes a key that any header can carry`() {
        #expect(Notice.sample(id: "r-7/notify/1").deliveryKey == "r-7/notify/1")
        for id in ["", "a b", "a\r\nb", "ü", String(repeating: "x", count: 300)] {
            #expect(Notice.sample(id: id).deliveryKey.utf8.count == 64)
        }
    }
}
