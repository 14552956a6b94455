// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import RunVocabulary

/// One thing that people should hear of.
///
/// The texts may come from anywhere, a probed host included. Channels only ever see ``presentable``, which holds no
/// control characters and no more than the limits below.
package struct Notice: Hashable, Sendable {
    package enum Severity: String, Hashable, Sendable, CaseIterable {
        case info
        case warning
        case critical
    }

    /// A named value that goes with the message.
    package struct Fact: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Largest message in bytes; the rest is cut off, and a line says so.
    package static let messageLimit = 16 << 10
    /// Longest title in bytes.
    package static let titleLimit = 200
    /// Most facts, and the size of one in bytes.
    package static let factCountLimit = 32
    package static let factLimit = 512
    /// Longest name of a run, a runbook, a step or the notice itself.
    package static let nameLimit = 256

    /// What makes a second delivery recognisable as such: the same notice keeps its id through every attempt.
    package var id: String
    package var run: String
    package var runbook: String
    package var title: String
    package var severity: Severity
    package var message: String
    package var step: String?
    package var facts: [Fact]
    /// When it was decided to tell people, by the wall clock, in milliseconds since 1970.
    package var unixMilliseconds: Int64

    package init(
        id: String,
        run: String,
        runbook: String,
        title: String,
        severity: Severity,
        message: String,
        step: String? = nil,
        facts: [Fact] = [],
        unixMilliseconds: Int64
    ) {
        self.id = id
        self.run = run
        self.runbook = runbook
        self.title = title
        self.severity = severity
        self.message = message
        self.step = step
        self.facts = facts
        self.unixMilliseconds = unixMilliseconds
    }
}

extension Notice {
    /// The same notice with nothing in it that could do harm to a reader, a terminal or a protocol.
    package var presentable: Notice {
        var notice = self
        notice.id = ShownText.line(self.id, limit: Self.nameLimit)
        notice.run = ShownText.line(self.run, limit: Self.nameLimit)
        notice.runbook = ShownText.line(self.runbook, limit: Self.nameLimit)
        notice.step = self.step.map { ShownText.line($0, limit: Self.nameLimit) }
        notice.title = ShownText.line(self.title, limit: Self.titleLimit)
        notice.message = ShownText.lines(self.message, limit: Self.messageLimit)
        notice.facts = self.facts.prefix(Self.factCountLimit).map { fact in
            Fact(
                ShownText.line(fact.name, limit: Self.nameLimit),
                ShownText.line(fact.value, limit: Self.factLimit)
            )
        }
        if self.facts.count > Self.factCountLimit {
            notice.facts.append(Fact("…", "[cut: \(self.facts.count - Self.factCountLimit) facts left out]"))
        }
        return notice
    }

    /// The id as a header can carry it: itself, or its digest if it is long or no plain ASCII.
    var deliveryKey: String {
        let isPlain = self.id.utf8.allSatisfy { (0x21...0x7e).contains($0) }
        let isShort = (1...Self.nameLimit).contains(self.id.utf8.count)
        return isPlain && isShort ? self.id : ContentDigest(of: Array(self.id.utf8)).hexadecimal
    }

    /// The notice as JSON, for a ``presentable`` notice.
    ///
    /// Receivers rely on these names: members are added, never renamed, and `version` changes if a meaning does.
    var json: JSON {
        .object([
            JSONMember("version", 1),
            JSONMember("id", .string(self.id)),
            JSONMember("run", .string(self.run)),
            JSONMember("runbook", .string(self.runbook)),
            JSONMember("step", self.step.map { .string($0) } ?? .null),
            JSONMember("severity", .string(self.severity.rawValue)),
            JSONMember("title", .string(self.title)),
            JSONMember("message", .string(self.message)),
            JSONMember(
                "facts",
                .array(self.facts.map { ["name": .string($0.name), "value": .string($0.value)] })
            ),
            JSONMember("at", .string(CivilTime(unixMilliseconds: self.unixMilliseconds).rfc3339)),
        ])
    }

    /// The notice as mail and chat show it, for a ``presentable`` notice.
    var plainText: String {
        var lines = ["[\(self.severity.rawValue)] \(self.title)", "", self.message, ""]
        lines.append("runbook: \(self.runbook)")
        lines.append("run: \(self.run)")
        if let step { lines.append("step: \(step)") }
        lines.append("at: \(CivilTime(unixMilliseconds: self.unixMilliseconds).rfc3339)")
        lines += self.facts.map { "\($0.name): \($0.value)" }
        return lines.joined(separator: "\n")
    }
}

/// Makes texts of unknown origin fit to be shown.
enum ShownText {
    /// One line: every line break and control character becomes a space.
    static func line(_ text: String, limit: Int) -> String {
        let (kept, _) = self.prefix(of: text, limit: limit)
        let isCut = kept.utf8.count < text.utf8.count
        let scalars = kept.unicodeScalars.map { Self.isControl($0) ? " " : $0 }
        return String(String.UnicodeScalarView(scalars)) + (isCut ? "…" : "")
    }

    /// Several lines, separated by LF alone; other control characters become visible as U+FFFD.
    static func lines(_ text: String, limit: Int) -> String {
        let (kept, left) = self.prefix(of: text, limit: limit)
        var scalars = String.UnicodeScalarView()
        var previous: Unicode.Scalar?
        for scalar in kept.unicodeScalars {
            switch scalar {
            case "\n" where previous == "\r": break
            case "\r": scalars.append("\n")
            case "\n", "\t": scalars.append(scalar)
            default: scalars.append(Self.isControl(scalar) ? "\u{FFFD}" : scalar)
            }
            previous = scalar
        }
        let shown = String(scalars)
        return left == 0 ? shown : "\(shown)\n… [cut: \(left) of \(text.utf8.count) bytes left out]"
    }

    /// At most `limit` bytes, ending between two scalars, and how many bytes are left.
    private static func prefix(of text: String, limit: Int) -> (Substring, left: Int) {
        guard text.utf8.count > limit else { return (text[...], 0) }
        var end = text.utf8.index(text.utf8.startIndex, offsetBy: limit)
        while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        return (text[..<end], text.utf8.distance(from: end, to: text.utf8.endIndex))
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        // Marks that turn the reading direction around can make a text say something else than it does.
        default: (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
        }
    }
}
