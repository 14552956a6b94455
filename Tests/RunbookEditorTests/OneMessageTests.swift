// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunbookEditor
import RunbookSource
import TestSupport
import Testing

// Goal: one mistake is one message, whatever else depends on what is wrong.
// Method: the runbooks that are shipped, each time with one word misspelt or one line missing; the messages are counted.
@Suite struct OneMessageTests {
    @Test(arguments: [
        "runbooks/zookeeper_quorum_loss.yaml", "runbooks/cascade_failure.yaml", "examples/first_runbook.yaml",
    ])
    func `a slip in a shipped runbook brings one message, seldom two, hardly ever more`(path: String) throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let lines = try String(contentsOf: root.appending(path: path), encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let code = lines.indices.filter { index in
            let text = lines[index].drop { $0 == " " }
            return !text.isEmpty && !text.hasPrefix("#")
        }
        var random = SeededGenerator(seed: 7)
        var document = RunbookDocument(path: path, text: "", grammar: try EditedRunbook.grammar())
        var counts: [Int: Int] = [:]
        for round in 0..<60 {
            let index = code[Int.random(in: 0..<code.count, using: &random)]
            var damaged = lines
            if round % 2 == 0 {
                damaged.remove(at: index)
            } else {
                damaged[index] = Self.misspelt(lines[index], &random)
            }
            document.replace(text: damaged.joined(separator: "\n"))
            let count = document.diagnostics.count
            counts[count, default: 0] += 1
            #expect(count <= 6, "\(damaged[index]): \(document.diagnostics.map(\.message))")
        }
        #expect(counts[2] ?? 0 <= 9, "\(counts)")
        // A section whose heading is gone becomes part of the one above it.
        #expect(counts.filter { $0.key > 2 }.values.reduce(0, +) <= 1, "\(counts)")
    }

    /// Two neighbouring letters of a word exchanged.
    private static func misspelt(_ line: String, _ random: inout SeededGenerator) -> String {
        var characters = Array(line)
        let places = characters.indices.dropLast().filter { index in
            characters[index].isLetter && characters[index + 1].isLetter && characters[index] != characters[index + 1]
        }
        guard !places.isEmpty else {
            return line
        }
        let place = places[Int.random(in: 0..<places.count, using: &random)]
        characters.swapAt(place, place + 1)
        return String(characters)
    }
}
