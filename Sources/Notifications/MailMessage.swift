// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import RunVocabulary

/// A notice as an RFC 5322 message.
///
/// The same notice always gives the same bytes, `Message-ID` and `Date` included, so that a mail server or a reader
/// recognises a second delivery.
struct MailMessage: Hashable, Sendable {
    let bytes: [UInt8]

    init(_ notice: Notice, from sender: MailAddress, to recipients: [MailAddress]) {
        let (noticeID, runID) = (notice.id, notice.run)
        let notice = notice.presentable
        let severity = notice.severity.rawValue
        var head = "From: \(sender.headerText)\r\n"
        head += "To: \(recipients.map(\.headerText).joined(separator: ",\r\n "))\r\n"
        head += MailText.header("Subject", "[\(severity)] \(notice.title)")
        head += "Date: \(CivilTime(unixMilliseconds: notice.unixMilliseconds).rfc5322)\r\n"
        head += "Message-ID: <\(Self.identifier("notice", noticeID))@\(sender.domain)>\r\n"
        // All notices of a run hang on one thread, though none of them starts it.
        head += "References: <\(Self.identifier("run", runID))@\(sender.domain)>\r\n"
        head += MailText.header("X-Selfheal-Notice", notice.id)
        head += MailText.header("X-Selfheal-Run", notice.run)
        head += "X-Selfheal-Severity: \(severity)\r\n"
        if notice.severity == .critical { head += "Importance: high\r\n" }
        // Out-of-office replies to a machine help nobody (RFC 3834).
        head += "Auto-Submitted: auto-generated\r\n"
        head += "MIME-Version: 1.0\r\n"
        head += "Content-Type: text/plain; charset=utf-8\r\n"
        head += "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        self.bytes = Array(head.utf8) + MailText.quotedPrintable(notice.plainText)
    }

    /// A name for the left of the `@` in a message's identifier, different for different ids.
    private static func identifier(_ kind: String, _ id: String) -> String {
        var encoded: [UInt8] = []
        for byte in id.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"): encoded.append(byte)
            default: encoded += [UInt8(ascii: "=")] + MailText.hexadecimal(byte)
            }
        }
        // A header line has to stay short; the digest is as distinct as the id.
        let limit = 120
        let name =
            encoded.isEmpty || encoded.count > limit
            ? ContentDigest(of: Array(id.utf8)).hexadecimal : String(decoding: encoded, as: UTF8.self)
        return "selfheal.\(kind).\(name)"
    }
}
