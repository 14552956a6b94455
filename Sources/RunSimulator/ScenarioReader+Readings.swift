// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML

/// What certificates, queries and attributes are in a scenario.
extension ScenarioReader {
    /// A thousand years, as many before as behind.
    private static let days: ClosedRange<Int64> = -365_000...365_000
    private static let dayLength: Int64 = 86_400_000

    /// The days are counted from the beginning of the scenario.
    func certificateFacts(_ fields: inout ScenarioFields) -> [String: Fact] {
        let days = fields.int("days_left", in: Self.days) ?? 90
        return [
            "trusted": .bool(fields.bool("trusted") ?? true),
            "days_left": .int(days),
            "not_after": .moment(Instant(milliseconds: days * Self.dayLength)),
            "names": .strings(fields.texts("names")?.map(\.text) ?? []),
        ]
    }

    /// A query without a value gives no series.
    func queryFacts(_ fields: inout ScenarioFields) -> [String: Fact] {
        var samples = fields.elements("values").compactMap(self.sample)
        if let value = fields.number("value", self.mistakes) {
            samples.append(Fact.Sample(labels: [:], value: value))
        }
        var facts: [String: Fact] = ["values": .samples(samples)]
        facts["value"] = samples.count == 1 ? .double(samples[0].value) : nil
        return facts
    }

    private func sample(_ node: YAMLNode) -> Fact.Sample? {
        guard var fields = ScenarioFields(node, what: "an entry of 'values'", self.mistakes) else {
            return nil
        }
        defer { fields.finish() }
        var labels: [String: String] = [:]
        for pair in fields.named("labels") {
            labels[pair.key.text] = fields.text(of: pair.value, pair.key.text)
        }
        guard fields.require("value") != nil, let value = fields.number("value", self.mistakes) else {
            return nil
        }
        return Fact.Sample(labels: labels, value: value)
    }

    /// A number is known as a text, too; a text is no number.
    func attributeFacts(_ fields: inout ScenarioFields) -> [String: Fact] {
        let text = fields.text("text")
        let value = fields.number("value", self.mistakes)
        var facts: [String: Fact] = [:]
        facts["value"] = value.map { .double($0) }
        facts["text"] = (text ?? value.map { "\($0)" }).map { .string($0) }
        return facts
    }
}

extension ScenarioFields {
    fileprivate mutating func number(_ key: String, _ mistakes: ScenarioMistakes) -> Double? {
        guard let node = self.take(key) else {
            return nil
        }
        switch node.scalar?.resolved {
        case .int(let value): return Double(value)
        case .double(let value): return value
        default:
            mistakes.report(.scenarioShape("'\(key)'", needed: "a number", found: node))
            return nil
        }
    }
}
