// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunbookEditor
import RunbookSource
import Testing

/// A runbook in an editor, with the cursor at `¦`.
struct EditedRunbook {
    let document: RunbookDocument
    let cursor: Int

    /// A part of a runbook, or a whole one; `good` is what was there before the last key press.
    init(_ text: String, after good: String = Self.good) throws {
        let whole = text.contains("runbook:") ? text : good + text
        let parts = whole.components(separatedBy: "¦")
        self.cursor = parts[0].utf8.count
        var document = RunbookDocument(path: "mend.yaml", text: good, grammar: try Self.grammar())
        document.replace(text: parts.joined())
        self.document = document
    }

    var completions: [String] {
        self.document.completions(at: self.cursor).items.sorted { $0.rank < $1.rank }.map(\.label)
    }

    func hover(page: (String) -> String? = { _ in nil }) -> String? {
        self.document.hover(at: self.cursor, page: page)?.text
    }

    /// The text once a fix has been made.
    func applying(_ edits: [TextEdit]) -> String {
        var bytes = self.document.file.utf8
        for edit in edits.sorted(by: { $0.span.start > $1.span.start }) {
            bytes.replaceSubrange(edit.span.utf8Range, with: Array(edit.text.utf8))
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func grammar() throws -> RunbookGrammar {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let schema = try Data(contentsOf: root.appending(path: "schemas/runbook.schema.json"))
        return try #require(RunbookGrammar(schema: Array(schema)))
    }

    static let good = """
        runbook: mend
        parameters:
          patience: { type: duration, default: 2m }
        settings:
          folder: { type: string, default: /opt }
        targets:
          ensemble: { role: zookeeper }
          brokers: { role: kafka_broker }
        steps:
          - id: look
            title: Look first
            probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
          - id: each
            for_each:
              as: member
              in: steps.look.results.filter(r, !r.serving).map(r, r.target)
            steps:
              - id: start
                run: { targets: "[member]", service: zookeeper, do: start }
                timeout: 1m
            if_failed: give_up
          - id: give_up
            finish: { outcome: escalated }

        """
}
