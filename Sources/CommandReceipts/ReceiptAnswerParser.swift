// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Reads what a program sends, as it comes.
///
/// Bytes before the first mark are the login's chatter. After a mark `out` or `err` come bytes of the command, until the
/// next mark. Anything that does not fit ends in *in doubt*: an answer is believed whole or not at all.
package struct ReceiptAnswerParser: Sendable {
    package enum Stream: Hashable, Sendable {
        case standardOutput
        case standardError
    }

    /// For who shows output while the command runs.
    package enum Event: Hashable, Sendable {
        case output(Stream, [UInt8])
        /// Forget what was shown of this stream: the host begins it anew.
        case restarted(Stream)
        /// Here something is left out; what follows is the stream's end.
        case gap(Stream)
    }

    /// The longest line after a mark; a login shell's path or a system's error message fits easily.
    private static let longestLine = 8_192
    private static let chatterLimit = 1_024

    private let mark: [UInt8]
    private let outputLimit: Int
    private var pending: [UInt8] = []
    private var chatter: [UInt8] = []
    private var current: Stream?
    private var sawHello = false
    private var answer: ReceiptAnswer?
    private var store: ReceiptReport.StoreReading?
    private var output = ReceiptOutput()
    private var errors = ReceiptOutput()

    /// - Parameters:
    ///   - nonce: the one the program was written with.
    ///   - outputLimit: the command's; the parser keeps no more than that of either end of a stream, whatever is sent.
    package init(nonce: String, outputLimit: Int = 65_536) {
        self.mark = [UInt8(ascii: "\n")] + Array(nonce.utf8) + [UInt8(ascii: " ")]
        self.outputLimit = outputLimit
    }

    /// How much of each stream's beginning has arrived, for ``ReceiptWrapper/attach(_:patience:after:outputLimit:)``.
    package var received: ReceiptOutputOffsets {
        ReceiptOutputOffsets(standardOutput: self.output.head.count, standardError: self.errors.head.count)
    }

    package mutating func consume(_ bytes: [UInt8]) -> [Event] {
        guard self.answer == nil else {
            return []
        }
        var events: [Event] = []
        self.pending += bytes
        var start = 0
        while self.answer == nil, let found = self.findMark(from: start) {
            let line = found + self.mark.count
            guard let end = self.pending[line...].firstIndex(of: UInt8(ascii: "\n")) else {
                self.deliver(self.pending[start..<found], to: &events)
                self.pending.removeFirst(found)
                if self.pending.count > self.mark.count + Self.longestLine {
                    self.answer = .doubt(.unreadable("a line without end"))
                }
                return events
            }
            self.deliver(self.pending[start..<found], to: &events)
            self.obey(String(decoding: self.pending[line..<end], as: UTF8.self), &events)
            start = end + 1
        }
        // What is left may end with the beginning of a mark.
        let kept = self.answer == nil ? max(start, self.pending.count - self.mark.count + 1) : self.pending.count
        self.deliver(self.pending[start..<max(start, kept)], to: &events)
        self.pending.removeFirst(max(start, kept))
        return events
    }

    /// Closes the books when the transport has no more bytes.
    ///
    /// `exitStatus` is what the shell exited with, or `nil` when the connection broke.
    package mutating func finish(exitStatus: Int32?) -> ReceiptReport {
        ReceiptReport(
            answer: self.answer ?? self.missingAnswer(exitStatus: exitStatus),
            store: self.store,
            standardOutput: self.output,
            standardError: self.errors
        )
    }

    /// The program greets before it touches anything.
    ///
    /// A shell that ended in order without the greeting did not run it.
    private mutating func missingAnswer(exitStatus: Int32?) -> ReceiptAnswer {
        guard !self.sawHello else {
            return .doubt(.unreadable("it broke off before the result"))
        }
        self.keepChatter(self.pending[...])
        self.pending = []
        let text = String(decoding: self.chatter, as: UTF8.self).trimmingBlanks()
        guard let exitStatus else {
            return .doubt(.unreadable("the connection ended before the host spoke"))
        }
        return .refused(
            .unsupportedShell(text.isEmpty ? "nothing but exit status \(exitStatus)" : text)
        )
    }

    private func findMark(from start: Int) -> Int? {
        guard self.pending.count >= start + self.mark.count else {
            return nil
        }
        var index = start
        let last = self.pending.count - self.mark.count
        while index <= last, let feed = self.pending[index...last].firstIndex(of: UInt8(ascii: "\n")) {
            if self.pending[feed..<(feed + self.mark.count)].elementsEqual(self.mark) {
                return feed
            }
            index = feed + 1
        }
        return nil
    }

    private mutating func deliver(_ bytes: ArraySlice<UInt8>, to events: inout [Event]) {
        guard !bytes.isEmpty else {
            return
        }
        switch self.current {
        case nil: self.keepChatter(bytes)
        case .standardOutput: self.output.append(bytes, limit: self.outputLimit)
        case .standardError: self.errors.append(bytes, limit: self.outputLimit)
        }
        if let current = self.current {
            events.append(.output(current, Array(bytes)))
        }
    }

    private mutating func keepChatter(_ bytes: ArraySlice<UInt8>) {
        guard !self.sawHello else {
            return
        }
        self.chatter += bytes.prefix(Self.chatterLimit - self.chatter.count)
    }

    private mutating func obey(_ line: String, _ events: inout [Event]) {
        let words = line.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        switch words.first {
        case "hello" where words == ["hello", "1"]: self.sawHello = true
        case "store": self.readStore(words)
        case "out": self.current = .standardOutput
        case "err": self.current = .standardError
        case "restart", "gap": self.jump(words, &events)
        case "answer" where self.sawHello: self.answer = AnswerLine(words: words, line: line).answer
        default: self.answer = .doubt(.unreadable("unexpected line '\(line.prefix(80))'"))
        }
    }

    private mutating func readStore(_ words: [String]) {
        guard words.count == 4, let incarnation = try? StoreIncarnation(words[1]), let uptime = Int64(words[3]) else {
            self.answer = .doubt(.unreadable("the store's line is malformed"))
            return
        }
        self.store = ReceiptReport.StoreReading(
            incarnation: incarnation,
            arrival: HostMoment(boot: words[2], sinceBoot: .centiseconds(uptime))
        )
    }

    private mutating func jump(_ words: [String], _ events: inout [Event]) {
        let stream: Stream
        switch words.last {
        case "out": stream = .standardOutput
        case "err": stream = .standardError
        default:
            self.answer = .doubt(.unreadable("a jump in an unknown stream"))
            return
        }
        self.current = stream
        let isGap = words[0] == "gap"
        events.append(isGap ? .gap(stream) : .restarted(stream))
        switch stream {
        case .standardOutput: self.output.jump(isGap: isGap)
        case .standardError: self.errors.jump(isGap: isGap)
        }
    }
}

extension ReceiptOutput {
    fileprivate mutating func append(_ bytes: ArraySlice<UInt8>, limit: Int) {
        // A stream that is a little too long for one limit is sent whole: both ends without a gap.
        let room = self.isTruncated ? limit - self.tail.count : 2 * limit - self.head.count
        if self.isTruncated {
            self.tail += bytes.prefix(max(room, 0))
        } else {
            self.head += bytes.prefix(max(room, 0))
            self.isTruncated = bytes.count > max(room, 0)
        }
    }

    fileprivate mutating func jump(isGap: Bool) {
        self.isTruncated = isGap
        self.tail = []
        if !isGap {
            self.head = []
        }
    }
}

extension String {
    fileprivate func trimmingBlanks() -> String {
        let trimmed = self.drop { $0.isWhitespace }
        return String(trimmed.reversed().drop { $0.isWhitespace }.reversed())
    }
}
