// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// Cuts the bytes of a client into messages, each behind a header with its length.
package struct MessageFraming {
    package enum Frame: Hashable, Sendable {
        case message([UInt8])
        /// What came is no message; reading goes on behind it.
        case unreadable(String)
    }

    private var buffer: [UInt8] = []
    /// How many bytes of a message that is too long are still to come.
    private var skipped = 0

    /// The longest message; a runbook may be four mebibytes, and JSON writes some characters as six.
    package static let messageLimit = 32 << 20
    /// The longest header.
    private static let headerLimit = 4_096

    package init() {}

    /// Takes what has arrived, and returns what is complete.
    package mutating func feed(_ bytes: some Sequence<UInt8>) -> [Frame] {
        self.buffer += bytes
        var frames: [Frame] = []
        while let frame = self.next() {
            frames.append(frame)
        }
        return frames
    }

    private mutating func next() -> Frame? {
        if self.skipped > 0 {
            let count = min(self.skipped, self.buffer.count)
            self.buffer.removeFirst(count)
            self.skipped -= count
            guard self.skipped == 0 else {
                return nil
            }
        }
        guard let end = self.headerEnd else {
            guard self.buffer.count > Self.headerLimit else {
                return nil
            }
            self.buffer = []
            return .unreadable("a header is longer than \(Self.headerLimit) bytes")
        }
        let header = String(decoding: self.buffer[..<end.lowerBound], as: UTF8.self)
        guard let length = Self.length(in: header) else {
            self.buffer.removeFirst(end.upperBound)
            return .unreadable("a header has no usable Content-Length")
        }
        guard length <= Self.messageLimit else {
            self.buffer.removeFirst(end.upperBound)
            self.skipped = length
            return .unreadable("a message is longer than \(Self.messageLimit >> 20) MiB")
        }
        guard self.buffer.count >= end.upperBound + length else {
            return nil
        }
        let message = Array(self.buffer[end.upperBound..<end.upperBound + length])
        self.buffer.removeFirst(end.upperBound + length)
        return .message(message)
    }

    /// The empty line behind a header.
    private var headerEnd: Range<Int>? {
        let mark: [UInt8] = [13, 10, 13, 10]
        let limit = min(self.buffer.count, Self.headerLimit + mark.count)
        guard limit >= mark.count else {
            return nil
        }
        for start in 0...(limit - mark.count) where self.buffer[start] == 13 {
            if self.buffer[start..<start + mark.count].elementsEqual(mark) {
                return start..<start + mark.count
            }
        }
        return nil
    }

    private static func length(in header: String) -> Int? {
        for line in header.split(whereSeparator: \.isNewline) {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2, parts[0].lowercased() == "content-length" {
                let digits = parts[1].filter { $0 != " " }
                return digits.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(digits) : nil
            }
        }
        return nil
    }

    /// A message with its header.
    package static func frame(_ message: JSON) -> [UInt8] {
        let bytes = message.bytes
        return Array("Content-Length: \(bytes.count)\r\n\r\n".utf8) + bytes
    }
}
