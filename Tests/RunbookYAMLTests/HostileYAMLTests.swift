// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML
import TestSupport
import Testing

// Everything here took seconds to minutes without a limit; a debug build under load gets generous bounds.
@Suite struct HostileYAMLTests {
    static let patience = Duration.seconds(60)

    static func codes(of text: String, limits: YAMLLimits = YAMLLimits()) -> [UInt16] {
        var document: YAMLDocument?
        let time = ContinuousClock().measure {
            document = YAMLDocument.parse(path: "h", bytes: Array(text.utf8), limits: limits)
        }
        #expect(time < Self.patience)
        return document?.diagnostics.map(\.code.number) ?? []
    }

    @Test(arguments: ["[", "{a: ", "- ", "? ", "[{a: "], [100_000, 1_000_000])
    func `nesting is refused before it is slow`(opening: String, bytes: Int) {
        let text = String(repeating: opening, count: bytes / opening.utf8.count)
        #expect(Self.codes(of: text) == [8])
    }

    @Test func `the border of the depth is where it is said to be`() {
        func nest(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(Self.codes(of: nest(64)) == [])
        #expect(Self.codes(of: nest(65)) == [8])
        #expect(Self.codes(of: nest(4), limits: YAMLLimits(depth: 3)) == [8])
    }

    @Test func `an alias bomb is refused at the first alias too many`() throws {
        var text = "l0: &l0 [x,x,x,x,x,x,x,x,x]\n"
        for level in 1...9 {
            let aliases = Array(repeating: "*l\(level - 1)", count: 9).joined(separator: ",")
            text += "l\(level): &l\(level) [\(aliases)]\n"
        }
        #expect(Self.codes(of: text) == [20])
        let diagnostic = try #require(YAMLDocument.parse(SourceFile(path: "b", text: text)).diagnostics.first)
        #expect(diagnostic.span.start.line == 6)
        #expect(diagnostic.notes.first?.span?.start.line == 5)
    }

    @Test func `merged aliases count as well`() {
        var text = "m0: &m0 { \((0..<100).map { "k\($0): 1" }.joined(separator: ", ")) }\n"
        text += "list: [\(Array(repeating: "{ <<: *m0 }", count: 1_000).joined(separator: ", "))]\n"
        let limits = YAMLLimits(nodes: 50_000)
        let document = YAMLDocument.parse(SourceFile(path: "m", text: text), features: .configuration, limits: limits)
        #expect(document.diagnostics.map(\.code.number).contains(20))
    }

    @Test func `too many values and too many bytes are refused`() {
        #expect(Self.codes(of: "[" + String(repeating: "a,", count: 200_000) + "]") == [9])
        #expect(Self.codes(of: "[1, 2, 3]", limits: YAMLLimits(nodes: 4)) == [])
        #expect(Self.codes(of: "[1, 2, 3, 4]", limits: YAMLLimits(nodes: 4)) == [9])
        #expect(Self.codes(of: String(repeating: "#", count: (16 << 20) + 1)) == [2])
        #expect(Self.codes(of: "a: 12", limits: YAMLLimits(bytes: 4)) == [2])
    }

    @Test func `a megabyte in one scalar is fine`() throws {
        let text = "a: \"" + String(repeating: "é\\n", count: 250_000) + "\""
        #expect(Self.codes(of: text) == [])
        let scalar = try #require(YAMLDocument.parse(SourceFile(path: "s", text: text)).root?["a"]?.scalar)
        #expect(scalar.map.isExact)
    }

    @Test(
        arguments: [
            ("%TAG !e! x\n", [11]), ("---\n", [10]), ("a: 1\n---\n", [10]), ("\tx\n", [21]), ("!a b\n", [12]),
            ("\u{202E}", [6]), ("*a ", [18, 27]), ("\"\n", [27]), ("a\n", []), ("&a ", [27]), ("{", [8]),
        ] as [(String, [UInt16])]
    )
    func `whatever is repeated is answered soon, and not a thousandfold`(part: String, codes: [UInt16]) {
        let found = Self.codes(of: String(repeating: part, count: 500_000 / part.utf8.count))
        #expect(found.count <= 100)
        #expect(Set(found) == Set(codes))
    }

    @Test func `hundreds of mistakes give a hundred diagnostics`() {
        #expect(Self.codes(of: String(repeating: "- !x y\n", count: 500)).count == 100)
        #expect(
            Self.codes(of: String(repeating: "- !x y\n", count: 500), limits: YAMLLimits(diagnostics: 7)).count == 7
        )
        #expect(Self.codes(of: "a: " + String(repeating: "\u{202E}", count: 500)).count == 100)
    }

    // Goal: no input makes the parser crash, hang, or point outside the file.
    // Method: random bytes, random YAML punctuation, and small damage to a real runbook, from fixed seeds.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `random input never crashes`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let runbook = Array(
            "steps:\n  - id: a\n    run: { targets: brokers, command: [x, \"y\\n\"] }\n    next: 'b'\n# é\nk: >-\n  x\n"
                .utf8
        )
        let punctuation = Array("[]{},:-?&*!|>'\"%@`# \n\t\\ab\u{0}é\u{FEFF}\u{2028}<~0".utf8)
        for _ in 0..<1_500 {
            var bytes: [UInt8]
            switch Int.random(in: 0..<3, using: &generator) {
            case 0:
                bytes = (0..<Int.random(in: 0..<60, using: &generator)).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
            case 1:
                bytes = (0..<Int.random(in: 0..<60, using: &generator)).map { _ in
                    punctuation.randomElement(using: &generator) ?? 0
                }
            default:
                bytes = runbook
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    let index = Int.random(in: 0..<bytes.count, using: &generator)
                    bytes[index] = punctuation.randomElement(using: &generator) ?? 0
                }
            }
            let document = YAMLDocument.parse(path: "r", bytes: bytes)
            #expect(document.root != nil || !document.diagnostics.isEmpty)
            for diagnostic in document.diagnostics {
                #expect(diagnostic.span.end.offset <= document.file.utf8.count)
                #expect(!document.file.render(diagnostic).isEmpty)
                for place in [diagnostic.span.start, diagnostic.span.end] where !diagnostic.span.isWholeFile {
                    #expect(place == document.file.position(atUTF8Offset: place.offset), "\(bytes)")
                }
            }
        }
    }
}
