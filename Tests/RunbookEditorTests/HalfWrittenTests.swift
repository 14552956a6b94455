// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookEditor
import RunbookSource
import TestSupport
import Testing

/// An editor asks at every place and in every state of a text.
@Suite struct HalfWrittenTests {
    // Goal: nothing that is typed ends the program, or leads outside the text.
    // Method: every prefix of a runbook, and what is around it, asked everything at its end.
    @Test func `every beginning of a runbook has answers`() throws {
        let bytes = Array(EditedRunbook.good.utf8)
        var document = RunbookDocument(path: "mend.yaml", text: "", grammar: try EditedRunbook.grammar())
        for count in stride(from: 0, through: bytes.count, by: 3) {
            document.replace(text: String(decoding: bytes[..<count], as: UTF8.self))
            self.ask(document, at: count)
        }
    }

    // Method: bytes of a runbook replaced, doubled and taken out at random, from seeds.
    @Test(arguments: 1...8) func `a damaged runbook has answers`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var document = RunbookDocument(
            path: "mend.yaml",
            text: EditedRunbook.good,
            grammar: try EditedRunbook.grammar()
        )
        let alphabet = Array("{}[]:-#'\"|>&*!%@`\n\t $.,()é日🙂".unicodeScalars)
        for _ in 0..<60 {
            var scalars = Array(EditedRunbook.good.unicodeScalars)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<scalars.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: scalars[index] = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                case 1: scalars.insert(alphabet[Int.random(in: 0..<alphabet.count, using: &random)], at: index)
                default: scalars.remove(at: index)
                }
            }
            var text = ""
            text.unicodeScalars.append(contentsOf: scalars)
            document.replace(text: text)
            self.ask(document, at: Int.random(in: 0...text.utf8.count, using: &random))
        }
    }

    private func ask(_ document: RunbookDocument, at offset: Int) {
        let (_, replaced) = document.completions(at: offset)
        #expect(replaced.upperBound == offset && replaced.lowerBound >= 0)
        if let hover = document.hover(at: offset, page: { _ in nil }) {
            #expect(hover.span.end.offset <= document.file.utf8.count)
        }
        for mention in document.references(at: offset) {
            #expect(mention.span.end.offset <= document.file.utf8.count)
        }
        _ = document.fixes(in: 0..<offset)
        _ = document.definition(at: offset)
    }
}
