// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import CurlTransfer

@Suite struct MailDialogueTests {
    static func dialogue(_ lines: [String]) -> MailDialogue {
        var dialogue = MailDialogue()
        for line in lines { _ = dialogue.take("\(line)\r\n") }
        return dialogue
    }

    @Test func `lines are joined into replies`() {
        let dialogue = Self.dialogue(["220 hello", "250-first", "250-second", "250 third"])
        #expect(dialogue.replies.map(\.code) == [220, 250])
        #expect(dialogue.replies.last?.text == "first / second / third")
        #expect(dialogue.verdict == nil)
    }

    @Test func `the verdict is the reply after the message, and goodbye does not count`() {
        let dialogue = Self.dialogue(["220 hi", "250 sender", "250 recipient", "354 go", "451 later", "221 bye"])
        #expect(dialogue.verdict == MailReceipt.Reply(code: 451, text: "later"))
        #expect(dialogue.latest == dialogue.verdict)
    }

    @Test func `recipients are matched with the replies before the message`() {
        let dialogue = Self.dialogue([
            "220 hi", "250 me", "250 sender", "250 one", "550 two", "451 three", "354 go", "250 ok",
        ])
        #expect(dialogue.refused(of: ["one", "two", "three"]).map(\.address) == ["two", "three"])
        #expect(dialogue.refused(of: ["one", "two", "three"]).map(\.reply.code) == [550, 451])
    }

    @Test(arguments: ["", "25", "hello", "-50 x", "099 x", "25\u{e9} x"])
    func `a line that is no reply is passed over`(line: String) {
        #expect(Self.dialogue([line]).replies == [])
    }

    @Test func `a bare code and endless chatter are both kept in bounds`() {
        #expect(Self.dialogue(["250"]).replies == [MailReceipt.Reply(code: 250, text: "")])
        let long = Self.dialogue(Array(repeating: "250-\(String(repeating: "x", count: 500))", count: 9) + ["250 end"])
        #expect(long.replies.first?.text.count == MailDialogue.textLimit)
        #expect(Self.dialogue(Array(repeating: "250 ok", count: 1000)).replies.count == MailDialogue.replyLimit)
    }
}

@Suite struct TransferTargetTests {
    @Test(arguments: [
        ("http://a.example/x?y", "http://a.example"), ("https://u:p@a.example:8443/s", "https://a.example:8443"),
        ("HTTP://127.0.0.1:80", "http://127.0.0.1:80"), ("http://[::1]:9/", "http://[::1]:9"),
    ])
    func `what is shown of a URL is scheme, host and port`(url: String, origin: String) throws {
        #expect(try TransferTarget(url, schemes: ["http", "https"]).origin == origin)
    }

    @Test(arguments: [
        ("smtp://localhost", true), ("smtp://127.0.0.1:25", true), ("smtp://127.9.9.9", true), ("smtp://[::1]", true),
        ("smtp://127.0.0.1.evil.example", false), ("smtp://mail.example.org", false), ("smtp://10.0.0.1", false),
    ])
    func `only this machine counts as this machine`(url: String, isLoopback: Bool) throws {
        #expect(try TransferTarget(url, schemes: ["smtp"]).isLoopback == isLoopback)
    }
}
