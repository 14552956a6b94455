// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML

/// The answers of a scenario: what is asked, who is asked, since when, and what is told.
extension ScenarioReader {
    private static let counts: ClosedRange<Int64> = 0...1_000_000_000

    /// In the order of their moments; of two with the same moment the later one in the file comes later.
    func answers(_ elements: [YAMLNode], _ nodes: [NodeName]) -> [Scenario.Answer] {
        // The sort must be stable, which the language does not promise.
        let answers = elements.compactMap { self.answer($0, nodes) }.enumerated()
        return answers.sorted { ($0.element.from, $0.offset) < ($1.element.from, $1.offset) }.map(\.element)
    }

    private func answer(_ node: YAMLNode, _ nodes: [NodeName]) -> Scenario.Answer? {
        guard var fields = ScenarioFields(node, what: "an entry of 'answers'", self.mistakes) else {
            return nil
        }
        let kinds = ["ssh", "http", "kafka", "tls", "prometheus", "dns", "jmx"]
        let found = kinds.compactMap { kind in fields.take(kind).map { (kind, $0) } }
        guard found.count == 1, let (kind, value) = found.first else {
            self.mistakes.report(.scenarioAnswer(found.map(\.0), at: node.span))
            return nil
        }
        defer { fields.finish() }
        let targets = fields.texts("on").map { self.known($0, nodes) }
        let from = fields.duration("from") ?? .zero
        let isSilent = fields.bool("silent") ?? false
        var facts: [String: Fact] = [:]
        var question = Scenario.Answer.Question.kafka
        switch kind {
        case "ssh":
            question = .ssh(fields.texts(of: value, kind).map(\.text))
            if value.sequence?.isEmpty == true {
                self.mistakes.report(.scenarioShape("'ssh'", needed: "the first words of a command", found: value))
            }
            facts["exit_status"] = .int(fields.int("exit_status", in: 0...255) ?? 0)
            facts["stdout"] = .string(fields.text("stdout") ?? "")
            facts["stderr"] = .string(fields.text("stderr") ?? "")
        case "http":
            question = .http(fields.text(of: value, kind) ?? "")
            facts["status"] = .int(fields.int("status", in: 100...599) ?? 200)
            facts["body"] = .string(fields.text("body") ?? "")
        case "kafka": facts = self.kafkaFacts(value)
        case "tls":
            question = .tls(fields.text(of: value, kind) ?? "")
            facts = self.certificateFacts(&fields)
        case "prometheus":
            question = .prometheus(fields.text(of: value, kind) ?? "")
            facts = self.queryFacts(&fields)
        case "dns":
            question = .dns(fields.text(of: value, kind) ?? "")
            facts["addresses"] = .strings(fields.texts("addresses")?.map(\.text) ?? [])
        default:
            question = .jmx(fields.text(of: value, kind) ?? "")
            facts = self.attributeFacts(&fields)
        }
        // Nobody is not everybody, and what could not be read has been reported.
        if targets?.isEmpty == true, !self.mistakes.diagnostics.hasErrors {
            self.mistakes.report(
                .scenarioMissing("on", in: "the answer", at: node.span, help: "name a node, or leave it out")
            )
        }
        return Scenario.Answer(
            question,
            of: targets ?? [],
            from: from,
            facts: isSilent ? [:] : facts,
            isSilent: isSilent,
            span: node.span
        )
    }

    private func kafkaFacts(_ node: YAMLNode) -> [String: Fact] {
        guard var fields = ScenarioFields(node, what: "'kafka'", self.mistakes) else {
            return [:]
        }
        defer { fields.finish() }
        var facts: [String: Fact] = [:]
        for name in ["under_replicated", "offline", "at_min_isr", "under_min_isr", "lag_seconds", "lag_messages"] {
            facts[name] = fields.int(name, in: Self.counts).map { .int($0) }
        }
        return facts
    }
}
