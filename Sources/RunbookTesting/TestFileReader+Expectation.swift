// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunSimulator
import RunVocabulary
import RunbookSource
import RunbookYAML

/// What stands below `expect`.
extension TestFileReader {
    /// Reads it; `nodes` are those of the case's cluster, or nothing when they are not known because the case is wrong elsewhere.
    func expectation(_ node: YAMLNode, nodes: [NodeName]?) -> Expectation? {
        guard var fields = ScenarioFields(node, what: "'expect'", self.mistakes) else {
            return nil
        }
        defer { fields.finish() }
        var expectation = Expectation()
        let ending: Expectation.Ending? = fields.word("outcome")
        expectation.ending = ending.map { Spanned($0, at: node["outcome"]?.span ?? node.span) }
        expectation.reason = fields.text("reason").map { Spanned($0, at: node["reason"]?.span ?? node.span) }
        expectation.path = self.list("path", &fields, self.step)
        expectation.avoids = self.list("avoids", &fields, self.step)?.elements ?? []
        expectation.commands = self.list("commands", &fields) { self.command($0, nodes) }
        expectation.notices = self.list("notices", &fields, self.notice)
        expectation.endsWithin = self.length("ends_within", &fields)
        expectation.endsAfter = self.length("ends_after", &fields)
        expectation.harm = fields.bool("harm").map { Spanned($0, at: node["harm"]?.span ?? node.span) }
        if let after = expectation.endsAfter, let within = expectation.endsWithin, after.value > within.value {
            self.mistakes.report(.testImpossibleTime(after.value, within.value, at: after.span))
        }
        return expectation
    }

    private func length(_ key: String, _ fields: inout ScenarioFields) -> Spanned<Milliseconds>? {
        fields.take(key).flatMap { node in fields.duration(of: node, key).map { Spanned($0, at: node.span) } }
    }

    private func list(
        _ key: String,
        _ fields: inout ScenarioFields,
        _ read: (YAMLNode) -> Wanted?
    ) -> WantedList? {
        guard let node = fields.take(key) else {
            return nil
        }
        guard let elements = node.sequence else {
            self.mistakes.report(.scenarioShape("'\(key)'", needed: "a list", found: node))
            return nil
        }
        let wanted = elements.compactMap { element in
            let wanted = element.scalar?.text == "..." ? .gap : read(element)
            return wanted.map { Spanned($0, at: element.span) }
        }
        return WantedList(elements: wanted, span: node.span)
    }

    private func step(_ node: YAMLNode) -> Wanted? {
        guard let text = node.scalar?.text, !node.isNull else {
            self.mistakes.report(.scenarioShape("an element of the path", needed: "the name of a step", found: node))
            return nil
        }
        return .step(text)
    }

    /// `zk2: start zookeeper`, as a mapping or as text.
    private func command(_ node: YAMLNode, _ nodes: [NodeName]?) -> Wanted? {
        var target = ""
        var summary = ""
        var span = node.span
        if let pairs = node.mapping, pairs.count == 1, let text = pairs[0].value.scalar?.text {
            (target, summary, span) = (pairs[0].key.text, text, pairs[0].key.span)
        } else if let text = node.scalar?.text, let colon = text.firstIndex(of: ":") {
            target = String(text[..<colon])
            summary = String(text[text.index(after: colon)...].drop { $0 == " " })
        } else {
            self.mistakes.report(
                .scenarioShape("a command", needed: "its node and what it is, as in zk2: start zookeeper", found: node)
            )
            return nil
        }
        guard target != "engine" else {
            return .command(nil, summary)
        }
        if let nodes, !nodes.contains(NodeName(target)) {
            self.mistakes.report(.scenarioUnknownNode(target, at: span, known: nodes.map(\.text) + ["engine"]))
        }
        return .command(NodeName(target), summary)
    }

    private func notice(_ node: YAMLNode) -> Wanted? {
        if let text = node.scalar?.text, !node.isNull {
            return .notice(channel: nil, severity: nil, says: text)
        }
        guard var fields = ScenarioFields(node, what: "a notice", self.mistakes) else {
            return nil
        }
        defer { fields.finish() }
        return .notice(channel: fields.text("to"), severity: fields.word("severity"), says: fields.text("says"))
    }
}
