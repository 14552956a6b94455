// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunbookCompiler
import RunbookEditor
import RunbookSource
import RunbookYAML
import TestSupport
import Testing

/// Files that nobody would write on purpose, and files that chance has written, through the parser, the checker and CEL.
@Suite struct HostileCorpusTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]

        init(_ name: String, _ text: String) {
            self.name = name
            self.bytes = Array(text.utf8)
        }

        init(_ name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }

        var testDescription: String { self.name }
    }

    private static let head = "runbook: a\ntargets: { t: { role: r } }\nsteps:\n"

    private static func step(when expression: String) -> String {
        "\(self.head)  - id: a\n    when: \(expression)\n    pause: 1s\n"
    }

    private static func `repeat`(_ text: String, _ count: Int) -> String {
        String(repeating: text, count: count)
    }

    /// Every one of them must be refused.
    static let refused: [Case] = [
        Case("nothing", ""), Case("spaces", Self.repeat(" ", 50_000)), Case("lines", Self.repeat("\n", 50_000)),
        Case("a comment", "# nothing else\n"), Case("a document end", "...\n---\n...\n"),
        Case("two documents", "a: 1\n---\na: 1\n"),
        Case("brackets", Self.repeat("[", 100_000)), Case("braces", Self.repeat("{a: ", 50_000)),
        Case("dashes", Self.repeat("- ", 50_000)), Case("question marks", Self.repeat("? ", 50_000)),
        Case("colons", Self.repeat(": ", 50_000)), Case("tabs", "\t" + Self.repeat("\t", 10_000)),
        Case("indentation", (0..<500).map { Self.repeat(" ", $0) + "a:\n" }.joined()),
        Case(
            "an alias bomb",
            "a: &a [x, x, x, x, x, x, x, x, x]\n"
                + zip("bcdefghi", "abcdefgh").map {
                    "\($0): &\($0) [\(Array(repeating: "*\($1)", count: 9).joined(separator: ", "))]\n"
                }.joined()
        ),
        Case("an alias of itself", "a: &a [*a]\n"), Case("an unknown alias", "a: *nobody\n"),
        Case("a merge key", "a: &a { b: 1 }\nc: { <<: *a }\n"),
        Case("tags", "runbook: !!python/object:os.system a\nsteps: !!set { a }\n"),
        Case("directives", "%YAML 9.9\n%TAG ! tag:x,1:\n---\na: 1\n"),
        Case("an open quote", "runbook: \"" + Self.repeat("a", 50_000)),
        Case("keys that are collections", "? [a]\n: 1\n? {b: 1}\n: 2\n"),
        Case("one key a thousand times", Self.repeat("runbook: a\n", 1_000)),
        Case("a zero byte", "runbook: a\0b\n"), Case("a control character", "runbook: \u{1}\u{7F}\u{85}\n"),
        Case("broken UTF-8", bytes: Array("runbook: ".utf8) + [0xC3, 0x28, 0xFF, 0x0A]),
        Case("a surrogate", bytes: Array("runbook: ".utf8) + [0xED, 0xA0, 0x80, 0x0A]),
        Case("an overlong slash", bytes: Array("runbook: ".utf8) + [0xC0, 0xAF, 0x0A]),
        Case("UTF-16", bytes: [0xFF, 0xFE] + "runbook: a\n".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }),
        Case("random bytes", bytes: (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7_919 >> 3) }),
        Case("writing turned around", "\(Self.head)  - id: a\n    title: \"\u{202E}evil\u{2066}\"\n    pause: 1s\n"),
        Case("an expression of brackets", Self.step(when: "\"" + Self.repeat("(", 20_000) + "\"")),
        Case("an expression of signs", Self.step(when: "\"" + Self.repeat("!", 20_000) + "true\"")),
        Case("an expression of minus", Self.step(when: "\"" + Self.repeat("-", 20_000) + "1\"")),
        Case(
            "an expression of lists",
            Self.step(when: "\"" + Self.repeat("[", 5_000) + Self.repeat("]", 5_000) + "\"")
        ),
        Case("an expression of dots", Self.step(when: "a" + Self.repeat(".a", 20_000))),
        Case("an expression of questions", Self.step(when: "\"true" + Self.repeat(" ? true : true", 5_000) + "\"")),
        Case(
            "an expression of macros",
            Self.step(when: "\"" + Self.repeat("t.all(x, ", 2_000) + "true" + Self.repeat(")", 2_000) + "\"")
        ),
        Case("an open text in an expression", Self.step(when: "\"'" + Self.repeat("a", 20_000) + "\"")),
        Case("a huge number", Self.step(when: Self.repeat("9", 20_000))),
        Case("a huge name", Self.step(when: Self.repeat("a", 30_000))),
        Case(
            "templates in templates",
            "\(Self.head)  - id: a\n    notify: { channels: [a], message: \"\(Self.repeat("${{ ", 5_000))\" }\n"
        ),
        Case("a huge duration", "\(Self.head)  - id: a\n    pause: 1s\n    deadline: \(Self.repeat("9", 5_000))d\n"),
        Case("a step that is its own", "\(Self.head)  - id: a\n    pause: 1s\n    next: a\n"),
        Case(
            "a thousand unknown steps",
            Self.head + (0..<1_000).map { "  - id: s\($0)\n    pause: 1s\n    if_failed: x\($0)\n" }.joined()
        ),
        Case(
            "a thousand unknown keys",
            Self.head + "  - id: a\n    pause: 1s\n" + (0..<1_000).map { "    key\($0): 1\n" }.joined()
        ),
        Case("a thousand duplicates", Self.head + Self.repeat("  - id: a\n    pause: 1s\n", 1_000)),
        Case(
            "loops in loops",
            Self.head
                + (0..<40).map { depth in
                    let pad = Self.repeat("  ", 1 + 2 * depth)
                    return "\(pad)- id: s\(depth)\n\(pad)  for_each: { as: n\(depth), in: t }\n\(pad)  steps:\n"
                }.joined()
        ),
        Case(
            "an emoji for a name",
            "runbook: \u{1F469}\u{200D}\u{1F4BB}\nsteps: [{ id: \u{0301}\u{0301}, pause: 1s }]\n"
        ),
        Case("a wall of combining characters", "runbook: a" + Self.repeat("\u{0301}", 20_000) + "\n"),
    ]

    /// Everything that a check does, and the CPU time that it took.
    private static func check(_ bytes: [UInt8]) -> (diagnostics: [Diagnostic], seconds: Double, text: String) {
        let start = self.cpuSeconds
        let document = YAMLDocument.parse(path: "hostile.yaml", bytes: bytes)
        let diagnostics = CheckedRunbook(document).diagnostics
        let text = DiagnosticRenderer(files: [document.file]).render(diagnostics.prefix(50))
        return (diagnostics, self.cpuSeconds - start, text)
    }

    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// A release build needs less than 50 milliseconds for each; tests are not optimized, and run beside others on machines that are slow.
    private static let limit = 20.0

    @Test(arguments: Self.refused) func `a hostile file is refused soon, in words that can be shown`(hostile: Case) {
        let (diagnostics, seconds, text) = Self.check(hostile.bytes)
        #expect(diagnostics.hasErrors)
        #expect(seconds < Self.limit, "\(seconds) s")
        // Nothing that steers a terminal or turns writing around is passed on.
        let steering = text.unicodeScalars.filter { scalar in
            scalar != "\n"
                && (scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                    || (0x202A...0x202E).contains(scalar.value)
                    || (0x2066...0x2069).contains(scalar.value))
        }
        #expect(steering.isEmpty)
        for diagnostic in diagnostics {
            #expect(diagnostic.span.end.offset <= hostile.bytes.count, "\(diagnostic.code)")
        }
    }

    // Goal: no input ends the program or holds it up.
    // Method: runbooks with pieces of the language put where they do not belong, from seeds.
    @Test(arguments: 1...8) func `a file that chance has damaged is checked in time`(seed: Int) {
        var mutation = Mutation(seed: UInt64(seed))
        for round in 0..<40 {
            let bytes = mutation.next(of: Array(EditedRunbook.good.utf8))
            let (_, seconds, _) = Self.check(bytes)
            #expect(seconds < Self.limit, "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self))")
        }
    }
}

/// Damages a text: pieces of the language, doubled and dropped ranges, bytes that are no text.
private struct Mutation {
    private var random: SeededGenerator

    private static let pieces = [
        "{", "}", "[", "]", ": ", "- ", "\n", "  ", "\t", "'", "\"", "|", ">", "&a ", "*a", "!!str ", "#", "${{ ",
        " }}", "${{", "steps.", ".results",
        ".filter(r, ", "(", ")", " && ", " || ", "!", "-", "? 1 : 2", "9223372036854775808", "0x", "'\\u{", "\u{202E}",
        "\u{0}", "id: look\n", "next: ",
        "for_each: { as: a, in: ensemble }\n", "max_visits: 0", "timeout: 1", "\u{FEFF}", "---\n", "...\n", "<<: ",
        "? ", "size(", "quorum(", "duration('",
    ]

    init(seed: UInt64) {
        self.random = SeededGenerator(seed: seed)
    }

    mutating func next(of text: [UInt8]) -> [UInt8] {
        var bytes = text
        for _ in 0..<Int.random(in: 1...6, using: &self.random) {
            let index = Int.random(in: 0...bytes.count, using: &self.random)
            switch Int.random(in: 0..<5, using: &self.random) {
            case 0, 1:
                let piece = Self.pieces[Int.random(in: 0..<Self.pieces.count, using: &self.random)]
                bytes.insert(contentsOf: Array(piece.utf8), at: index)
            case 2: bytes.removeSubrange(index..<min(bytes.count, index + Int.random(in: 1...20, using: &self.random)))
            case 3:
                let end = min(bytes.count, index + Int.random(in: 1...200, using: &self.random))
                bytes.insert(
                    contentsOf: Array(bytes[index..<end]),
                    at: Int.random(in: 0...bytes.count, using: &self.random)
                )
            default: bytes.insert(UInt8.random(in: 0...255, using: &self.random), at: index)
            }
        }
        return bytes
    }
}
