// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import HostileCorpus
import RunbookCompiler
import RunbookEditor
import RunbookSource
import RunbookYAML
import TestSupport
import Testing

/// Files that nobody would write on purpose, and files that chance has written, through the parser, the checker and CEL.
@Suite struct HostileCorpusTests {
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

    @Test(arguments: HostileCorpus.refused)
    func `a hostile file is refused soon, in words that can be shown`(hostile: HostileCorpus.Case) {
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
        // Bytes that are no text are shown as a mark of three bytes.
        let length = String(decoding: hostile.bytes, as: UTF8.self).utf8.count
        for diagnostic in diagnostics {
            #expect(diagnostic.span.end.offset <= max(hostile.bytes.count, length), "\(diagnostic.code)")
        }
    }

    /// Large, and right: each was slower than its length once.
    @Test(arguments: HostileCorpus.large)
    func `a large file is checked in a time that fits its length`(large: HostileCorpus.Case) {
        let (_, seconds, _) = Self.check(large.bytes)
        #expect(seconds < Self.limit, "\(seconds) s")
    }

    @Test func `what was found once is found no more`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let finds = try FileManager.default.contentsOfDirectory(
            at: root.appending(path: "Fuzzing/finds"),
            includingPropertiesForKeys: nil
        )
        #expect(!finds.isEmpty)
        for find in finds {
            let start = Self.cpuSeconds
            // Ends the program when something is not as it must be.
            Intake.take(Array(try Data(contentsOf: find)))
            #expect(Self.cpuSeconds - start < Self.limit, "\(find.lastPathComponent)")
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

extension HostileCorpus.Case: CustomTestStringConvertible {
    public var testDescription: String { self.name }
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
