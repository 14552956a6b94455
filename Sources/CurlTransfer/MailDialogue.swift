// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A mail server's side of a conversation, put together from its lines.
///
/// libcurl reports one code at the end; which recipient was refused, and in which words the message was accepted, can
/// only be read here.
struct MailDialogue: Hashable, Sendable {
    /// More replies than any conversation of ours has; what exceeds it is not kept.
    static let replyLimit = MailEnvelope.recipientLimit + 32
    /// Most characters kept of a reply.
    static let textLimit = 400

    private static let startMailInput = 354
    private static let goodbye = 221

    private(set) var replies: [MailReceipt.Reply] = []
    private var unfinished: String?

    /// The last complete reply that says something about the mail, and not goodbye.
    var latest: MailReceipt.Reply? {
        self.replies.last { $0.code != Self.goodbye }
    }

    /// The answer to the message itself, once there is one.
    var verdict: MailReceipt.Reply? {
        guard let start = self.replies.firstIndex(where: { $0.code == Self.startMailInput }) else { return nil }
        return self.replies.dropFirst(start + 1).first
    }

    /// Takes one line, and returns the reply if the line completes it (`250-` continues, `250 ` ends).
    mutating func take(_ line: String) -> MailReceipt.Reply? {
        let line = line.unicodeScalars.prefix { $0 != "\r" && $0 != "\n" }
        guard let code = Int(String(line.prefix(3))), (100...999).contains(code) else { return nil }
        let text = Substring(line.dropFirst(4)).trimmed
        let whole = String((self.unfinished.map { "\($0) / \(text)" } ?? text).prefix(Self.textLimit))
        guard line.dropFirst(3).first != "-" else {
            self.unfinished = whole
            return nil
        }
        self.unfinished = nil
        let reply = MailReceipt.Reply(code: code, text: whole)
        if self.replies.count < Self.replyLimit { self.replies.append(reply) }
        return reply
    }

    /// Which of the recipients were not taken: the replies right before the message's start are theirs, in order.
    func refused(of recipients: [String]) -> [MailReceipt.RefusedRecipient] {
        guard let start = self.replies.firstIndex(where: { $0.code == Self.startMailInput }),
            start >= recipients.count
        else { return [] }
        return zip(recipients, self.replies[(start - recipients.count)..<start])
            .filter { $0.1.code >= 400 }
            .map { MailReceipt.RefusedRecipient(address: $0.0, reply: $0.1) }
    }
}
