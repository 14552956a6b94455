// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Files that nobody would write on purpose: each must be refused, soon, and in little room.
///
/// The tests check them one by one, `scripts/hostile` measures them in a release build, and the fuzzer begins with them.
package enum HostileCorpus {
    package struct Case: Sendable {
        package let name: String
        package let bytes: [UInt8]

        init(_ name: String, _ text: String) {
            self.name = name
            self.bytes = Array(text.utf8)
        }

        init(_ name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }
    }

    private static let head = "runbook: a\ntargets: { t: { role: r } }\nsteps:\n"

    private static func step(when expression: String) -> String {
        "\(self.head)  - id: a\n    when: \(expression)\n    pause: 1s\n"
    }

    private static func `repeat`(_ text: String, _ count: Int) -> String {
        String(repeating: text, count: count)
    }

    /// Every one of them must be refused.
    package static let refused: [Case] = [
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
        Case(
            "UTF-16 the other way",
            bytes: [0xFE, 0xFF] + "runbook: a\n".utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
        ),
        Case("UTF-16 without a mark", bytes: "runbook: a\n".utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }),
        Case(
            "UTF-32",
            bytes: [0xFF, 0xFE, 0, 0] + "runbook: a\n".unicodeScalars.flatMap { [UInt8($0.value), 0, 0, 0] }
        ),
        Case("Latin-1", bytes: Array("runbook: a\ntitle: Verf".utf8) + [0xFC] + Array("gbarkeit\n".utf8)),
        Case("a next line", "runbook: a\u{85}steps: []\n"), Case("a line separator", "runbook: a\u{2028}steps: []\n"),
        Case("a mark in the middle", "runbook: a\n\u{FEFF}steps: []\n"),
        Case("a mark and nothing", bytes: [0xEF, 0xBB, 0xBF]), Case("half a mark", bytes: [0xEF, 0xBB]),
        Case("an anchor for every value", (0..<5_000).map { "k\($0): &a\($0) x\n" }.joined()),
        Case("one anchor again and again", Self.repeat("- &a x\n- *a\n", 5_000)),
        Case("a merge of merges", "a: &a { b: 1 }\nb: &b { <<: *a }\nc: { <<: [*a, *b, 1] }\n"),
        Case("a key that is an alias", "a: &a b\n*a : 1\n*a : 2\n"),
        Case("a tag on everything", Self.repeat("- !<tag:x,1:y> !!str &a a\n", 3_000)),
        Case("a literal with a strange header", "a: |99\n  b\nc: >+-\n  d\n"),
        Case("a carriage return alone", Self.repeat("a:\r", 5_000)),
        Case("quotes that never end", Self.repeat("- 'a\n- \"b\n", 5_000)),
        Case(
            "a template that never ends",
            "\(Self.head)  - id: a\n    title: x\n    run: { targets: t, effect: reads, command: [\"\(Self.repeat("${{ ' }} ", 3_999))\"] }\n"
        ),
        Case("a pattern that repeats", Self.step(when: "\"'a'.matches('\(Self.repeat("a{1000}", 50))')\"")),
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

    private static let triggered =
        "runbook: a\ntargets: { t: { role: r } }\ntriggers: [{ condition: size(t) > 1, for: 30s }]\nlocks: [cluster]\nsteps:\n"

    /// Long files: whatever looks at each step may not look at all the others for it.
    package static let large: [Case] = [
        Case("a pattern of patterns", Self.step(when: "\"'a'.matches('\(Self.repeat("(a*)*", 500))')\"")),
        Case(
            "a thousand restarts that a trigger starts",
            Self.triggered
                + (0..<1_000).map { "  - id: s\($0)\n    run: { targets: t, service: x, do: restart }\n" }.joined()
        ),
        Case(
            "five hundred gates",
            Self.head
                + (0..<500).map { number in
                    "  - id: g\(number)\n    approve: { message: m, from: [role:a], timeout: 1m, on_timeout: refused }\n"
                        + "  - id: s\(number)\n    when: steps.g0.succeeded\n    run: { targets: t, service: x, do: stop }\n"
                }.joined()
        ),
        Case(
            "a thousand branches",
            Self.head + "  - id: c\n    choose:\n"
                + (0..<1_000).map { "      - { when: size(t) > \($0), next: s\($0) }\n" }.joined()
                + "      - { otherwise: s0 }\n"
                + (0..<1_000).map { "  - id: s\($0)\n    pause: 1s\n" }.joined()
        ),
        Case(
            "a thousand loops",
            Self.head
                + (0..<1_000).map { number in
                    "  - id: l\(number)\n    for_each: { as: n, in: t }\n    steps:\n      - id: s\(number)\n        pause: 1s\n"
                }.joined()
        ),
    ]
}
