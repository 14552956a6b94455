// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML

/// `watch:`, with the words of the configuration's.
extension ScenarioReader {
    private static let pauses = Milliseconds.zero...Milliseconds.minutes(30 * 24 * 60)
    private static let waits = Milliseconds.seconds(1)...Milliseconds.minutes(30 * 24 * 60)

    func watch(_ node: YAMLNode) -> Scenario.Watch? {
        var watch = Scenario.Watch()
        guard var fields = ScenarioFields(node, what: "'watch'", self.mistakes) else {
            return nil
        }
        watch.cooldown = self.length("cooldown", &fields, Self.pauses) ?? watch.cooldown
        watch.concurrentRuns = fields.int("concurrent_runs", in: 1...100).map { Int($0) } ?? watch.concurrentRuns
        watch.panicThreshold = fields.int("panic_threshold", in: 0...100).map { Int($0) } ?? watch.panicThreshold
        watch.afterwards = self.length("afterwards", &fields, Self.pauses) ?? watch.afterwards
        if let ask = fields.take("ask") {
            self.ask(ask, &watch)
        }
        fields.finish()
        return watch
    }

    private func ask(_ node: YAMLNode, _ watch: inout Scenario.Watch) {
        guard var fields = ScenarioFields(node, what: "'ask'", self.mistakes) else {
            return
        }
        watch.askFrom = (fields.texts("from") ?? []).compactMap { text, span in
            guard let approver = Approver(text: text) else {
                let known = ["role:NAME", "person:NAME"]
                self.mistakes.report(.scenarioUnknownWord(text, for: "from", at: span, known: known))
                return nil
            }
            return approver
        }
        watch.askFor = self.length("timeout", &fields, Self.waits) ?? watch.askFor
        fields.finish()
    }

    private func length(
        _ key: String,
        _ fields: inout ScenarioFields,
        _ range: ClosedRange<Milliseconds>
    ) -> Milliseconds? {
        guard let node = fields.take(key), let length = fields.duration(of: node, key) else {
            return nil
        }
        guard range.contains(length) else {
            self.mistakes.report(.scenarioOutOfRange(key, length, range, at: node.span))
            return nil
        }
        return length
    }
}
