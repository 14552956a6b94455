// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What readers are shown of commands that reach no host, carried out.
@Suite struct ReadmeTests {
    /// A command of a page, and what the page says that it prints.
    struct Shown: Sendable, CustomTestStringConvertible {
        let page: String
        let words: [String]
        let lines: [String]

        var testDescription: String { "\(self.page): \(self.words.joined(separator: " "))" }
    }

    /// Commands that look at files alone.
    private static let harmless: Set<String> = ["check", "eval", "explain", "graph", "simulate", "test"]

    static let shown: [Shown] = ["README.md", "docs/language/expressions.md"].flatMap { page in
        (try? String(contentsOfFile: "\(Selfheal.repository)/\(page)", encoding: .utf8)).map {
            Self.pairs(in: $0, page)
        }
            ?? []
    }

    /// A block of one command, with the block without a language right behind it.
    private static func pairs(in text: String, _ page: String) -> [Shown] {
        text.matches(of: /```sh\n(selfheal [^\n]+)\n```\n\n```\n([^`]+)\n```/).compactMap { match in
            let words = Self.words(of: String(match.output.1)).dropFirst()
            guard let verb = words.first, self.harmless.contains(verb) else {
                return nil
            }
            let lines = match.output.2.split(separator: "\n").map(String.init)
            return Shown(page: page, words: Array(words), lines: lines)
        }
    }

    /// As a shell would cut it, of which pages need quotes alone.
    private static func words(of command: String) -> [String] {
        var words: [String] = []
        var word = ""
        var quote: Character?
        for character in command {
            if let open = quote {
                if character == open {
                    quote = nil
                } else {
                    word.append(character)
                }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character == " " {
                words.append(word)
                word = ""
            } else {
                word.append(character)
            }
        }
        return words + [word]
    }

    @Test func `there is something shown`() {
        #expect(Self.shown.count { $0.page == "README.md" } >= 4)
        #expect(Self.shown.contains { $0.page != "README.md" })
    }

    @Test(arguments: shown) func `a command prints what its page says, in that order`(shown: Shown) async throws {
        let outcome = try await Selfheal.run(shown.words)
        var rest = outcome.output + outcome.complaint
        for line in shown.lines {
            let range = try #require(rest.range(of: line), "'\(line)' is not among\n\(outcome)")
            rest = String(rest[range.upperBound...])
        }
    }

    @Test func `the heart of the first runbook is the file's`() throws {
        let page = try String(contentsOfFile: "\(Selfheal.repository)/README.md", encoding: .utf8)
        let file = try String(contentsOfFile: "\(Selfheal.repository)/examples/first_runbook.yaml", encoding: .utf8)
        let match = try #require(page.firstMatch(of: /\n```\n(  - id: is_any_down\n[^`]+)```\n/))
        #expect(file.contains(match.output.1))
    }
}
