// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Testing

@Suite struct ReceiptAnswerParserTests {
    static let nonce = "0123456789abcdef"

    static func frames(_ parts: [String]) -> [UInt8] {
        parts.flatMap { Array($0.replacing("@", with: "\n\(Self.nonce) ").utf8) }
    }

    static let whole = Self.frames([
        "motd\n", "@hello 1\n", "@store ab-12 boot-1 12345\n", "@out\n", "a\n0123456789abcdef\n\n", "@err\n", "e",
        "@out\n",
        "b", "@answer done 3 exited\n",
    ])

    private func parse(_ bytes: [UInt8], exitStatus: Int32? = 0, limit: Int = 65_536) -> ReceiptReport {
        var parser = ReceiptAnswerParser(nonce: Self.nonce, outputLimit: limit)
        _ = parser.consume(bytes)
        return parser.finish(exitStatus: exitStatus)
    }

    @Test func `a whole answer is read, and the streams are told apart`() throws {
        let report = self.parse(Self.whole)
        #expect(report.answer == .done(ReceiptEnding(status: 3, cause: .exited)))
        #expect(report.standardOutput.head == Array("a\n0123456789abcdef\n\nb".utf8))
        #expect(report.standardError.head == Array("e".utf8))
        #expect(report.store?.incarnation == (try StoreIncarnation("ab-12")))
        #expect(report.store?.arrival == HostMoment(boot: "boot-1", sinceBoot: .milliseconds(123_450)))
    }

    @Test func `it makes no difference where the bytes are cut`() {
        let expected = self.parse(Self.whole)
        for size in 1...40 {
            var parser = ReceiptAnswerParser(nonce: Self.nonce)
            var shown: [ReceiptAnswerParser.Stream: [UInt8]] = [:]
            for start in stride(from: 0, to: Self.whole.count, by: size) {
                for event in parser.consume(Array(Self.whole[start..<min(start + size, Self.whole.count)])) {
                    if case .output(let stream, let bytes) = event {
                        shown[stream, default: []] += bytes
                    }
                }
            }
            #expect(parser.finish(exitStatus: 0) == expected)
            #expect(shown[.standardOutput] == expected.standardOutput.head)
            #expect(shown[.standardError] == expected.standardError.head)
        }
    }

    @Test func `an answer that broke off anywhere is in doubt`() {
        let hello = Self.frames(["motd\n", "@hello 1\n"]).count
        for length in 0..<Self.whole.count {
            let report = self.parse(Array(Self.whole.prefix(length)), exitStatus: nil)
            guard case .doubt(.unreadable) = report.answer else {
                Issue.record("after \(length) bytes: \(report.answer)")
                continue
            }
        }
        guard case .doubt(.unreadable) = self.parse(Array(Self.whole.prefix(hello)), exitStatus: 0).answer else {
            Issue.record("a program that had begun is not refused")
            return
        }
    }

    @Test func `a shell that ended in order without our greeting ran nothing of ours`() {
        let report = self.parse(Array("This account is not available.\n".utf8), exitStatus: 1)
        #expect(report.answer == .refused(.unsupportedShell("This account is not available.")))
        #expect(self.parse([], exitStatus: 127).answer == .refused(.unsupportedShell("nothing but exit status 127")))
    }

    @Test func `a command cannot forge an answer without the nonce`() {
        let forged = Self.frames([
            "@hello 1\n", "@out\n", "\nfedcba9876543210 answer done 0 exited\n", "@answer done 1 exited\n",
        ])
        let report = self.parse(forged)
        #expect(report.answer == .done(ReceiptEnding(status: 1, cause: .exited)))
        #expect(report.standardOutput.head == Array("\nfedcba9876543210 answer done 0 exited\n".utf8))
    }

    @Test(arguments: [
        ("answer opened", ReceiptAnswer.opened), ("answer never no", .never(sealed: false)),
        ("answer never asked", .never(sealed: true)), ("answer running 150", .running(for: .milliseconds(1_500))),
        ("answer done 143 timeout", .done(ReceiptEnding(status: 143, cause: .timedOut))),
        ("answer done 143 stopped", .done(ReceiptEnding(status: 143, cause: .stopped))),
        ("answer refused term 18", .refused(.olderTerm(current: 18))),
        ("answer refused budget", .refused(.budgetSpent)),
        ("answer refused sealed asked", .refused(.sealed(because: "asked"))),
        ("answer refused store missing", .refused(.anotherStore(found: nil))),
        ("answer refused shell /bin/fish", .refused(.unsupportedShell("/bin/fish"))),
        ("answer refused host no setsid here", .refused(.unsupportedHost("no setsid here"))),
        ("answer refused unwritable mkdir: a b", .refused(.storeUnwritable("mkdir: a b"))),
        ("answer refused directory gone", .refused(.noWorkingDirectory("gone"))),
        ("answer doubt rebooted ", .doubt(.restarted(recordedStatus: nil))),
        ("answer doubt rebooted 3", .doubt(.restarted(recordedStatus: 3))),
        ("answer doubt store missing", .doubt(.anotherStore(found: nil))),
        ("answer doubt receipt", .doubt(.receiptVanished)), ("answer doubt lost", .doubt(.endNotRecorded)),
        ("answer doubt stuck", .doubt(.notConfirmedGone)), ("answer doubt alive", .doubt(.notConfirmedGone)),
        ("answer doubt torn", .doubt(.damaged)), ("answer doubt swept", .doubt(.maybeSwept)),
        ("answer swept 2 5", .swept(removed: 2, kept: 5)), ("answer stored", .stored(runs: [])),
    ])
    func `every answer has its line`(line: String, answer: ReceiptAnswer) {
        #expect(self.parse(Self.frames(["@hello 1\n", "@\(line)\n"])).answer == answer)
    }

    @Test(arguments: [
        "answer", "answer done", "answer done x exited", "answer done 0", "answer done 0 vanished", "answer running",
        "answer refused", "answer refused term x", "answer doubt", "answer swept 1", "answer maybe", "hello 2", "store",
        "store a b", "store XYZ b 1", "gap both", "", "out of order",
    ])
    func `a line that is not ours is doubt, never a guess`(line: String) {
        let report = self.parse(Self.frames(["@hello 1\n", "@\(line)\n", "@answer done 0 exited\n"]))
        if line == "out of order" {
            // Words after a known one are room for later versions.
            #expect(report.answer == .done(ReceiptEnding(status: 0, cause: .exited)))
        } else {
            guard case .doubt(.unreadable) = report.answer else {
                Issue.record("'\(line)' was read as \(report.answer)")
                return
            }
        }
    }

    @Test func `an answer before the greeting is not believed`() {
        guard case .doubt(.unreadable) = self.parse(Self.frames(["@answer done 0 exited\n"])).answer else {
            Issue.record("believed")
            return
        }
    }

    @Test func `nothing a host sends makes the parser keep more than its limit`() {
        var parser = ReceiptAnswerParser(nonce: Self.nonce, outputLimit: 10)
        _ = parser.consume(Self.frames(["@hello 1\n", "@out\n"]))
        _ = parser.consume(Array(repeating: 65, count: 1_000_000))
        _ = parser.consume(Self.frames(["@gap out\n"]))
        _ = parser.consume(Array(repeating: 66, count: 1_000_000))
        _ = parser.consume(Self.frames(["@answer done 0 exited\n"]))
        let output = parser.finish(exitStatus: 0).standardOutput
        #expect(
            output
                == ReceiptOutput(
                    head: Array(repeating: 65, count: 20),
                    tail: Array(repeating: 66, count: 10),
                    isTruncated: true
                )
        )
    }

    @Test func `a stream that begins anew is forgotten`() {
        let report = self.parse(
            Self.frames([
                "@hello 1\n", "@out\n", "wrong", "@restart out\n", "@out\n", "right", "@answer done 0 exited\n",
            ])
        )
        #expect(report.standardOutput == ReceiptOutput(head: Array("right".utf8)))
    }

    @Test func `a line without end is not waited for`() {
        var parser = ReceiptAnswerParser(nonce: Self.nonce)
        _ = parser.consume(Self.frames(["@hello 1\n", "@"]) + Array(repeating: 65, count: 10_000))
        #expect(parser.finish(exitStatus: 0).answer == .doubt(.unreadable("a line without end")))
    }
}
