// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import Probes

/// The questions ZooKeeper answers in plain text on its client port.
///
/// Only words that read. The ones that reset statistics or change tracing are not spelled here, so no configuration can
/// make a probe send them; the ones that dump every session or watch are left out because they are heavy.
package enum FourLetterWord: String, CaseIterable, Hashable, Sendable {
    /// The settings and, in an ensemble, the members.
    case conf
    /// Whether writes are taken.
    case isro
    /// Everything measured, one `key<TAB>value` a line.
    case mntr
    /// Whether the process is alive, which says nothing about a quorum.
    case ruok
    /// Version, mode and last transaction; the only word allowed by default.
    case srvr

    /// `mntr` of a large server is about 20 KB.
    private static let readLimit = 1 << 20

    package func exchange(with address: String, port: UInt16, timeout: Duration) -> SocketExchange {
        SocketExchange(
            address: address,
            port: port,
            send: Array(self.rawValue.utf8),
            readLimit: Self.readLimit,
            until: .end,
            timeout: timeout
        )
    }
}

/// What a four-letter word brought back, before its text is read.
package enum FourLetterAnswer: Hashable, Sendable {
    case text(String)
    /// The server runs and has no quorum, or is still starting.
    case notServing
    /// The word is not on the server's whitelist, which says nothing about its health.
    case notPermitted
    /// The connection was closed without a byte: an unknown word, or not ZooKeeper at all.
    case empty
    /// Nothing listens on the port.
    case refused
    /// Bytes that no ZooKeeper sends.
    case garbage(String)
    /// Nothing is known about the target; see ``SocketReply/Outcome``.
    case unknown(SocketReply.Outcome)

    private static let notServingSentence = "This ZooKeeper instance is not currently serving requests"
    private static let notPermittedEnding = "is not executed because it is not in the whitelist."

    package init(_ reply: SocketReply) {
        switch reply.outcome {
        case .completed where reply.bytes.isEmpty: self = .empty
        case .completed: self = Self.sentence(reply.bytes) ?? Self.text(reply.bytes)
        case .refused: self = .refused
        // A server that is just starting says its sentence and forgets to close.
        case .timedOut(.reply), .reset: self = Self.sentence(reply.bytes) ?? .unknown(reply.outcome)
        case let outcome: self = .unknown(outcome)
        }
    }

    /// The two answers that are one whole line, recognised with or without the end of the connection.
    private static func sentence(_ bytes: [UInt8]) -> Self? {
        guard bytes.last == UInt8(ascii: "\n") else { return nil }
        let line = String(decoding: bytes, as: UTF8.self).trimmingBlanks
        if line == self.notServingSentence { return .notServing }
        return line.hasSuffix(self.notPermittedEnding) && !line.contains("\n") ? .notPermitted : nil
    }

    private static func text(_ bytes: [UInt8]) -> Self {
        let isText = bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
        guard isText, let text = String(validating: bytes, as: UTF8.self) else {
            return .garbage("\(bytes.count) bytes that are not text")
        }
        return .text(text)
    }
}

/// A text that is not what the question asked for.
package struct UnreadableAnswer: Error, Hashable, Sendable, CustomStringConvertible {
    /// What is wrong with it, with the question named.
    package var description: String

    package init(_ description: String) {
        self.description = description
    }
}

extension StringProtocol {
    /// Without blanks and line ends at either side.
    var trimmingBlanks: SubSequence {
        var rest = self[...]
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return rest.drop(while: \.isWhitespace)
    }

    /// The text after a colon or another separator, if the separator is there at all.
    func splitOnce(at separator: Character) -> (key: SubSequence, value: SubSequence)? {
        guard let position = self.firstIndex(of: separator) else { return nil }
        return (self[..<position], self[self.index(after: position)...])
    }
}
