// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CronCalendar
import RunVocabulary
import RunbookSource
import RunbookYAML

extension RunbookParser {
    private static let kinds = ["condition", "alert", "webhook", "cron"]
    /// What only some triggers have.
    private static let keys: [(name: String, of: Set<String>)] = [
        ("for", ["condition"]), ("labels", ["alert", "webhook"]), ("parameters", ["alert", "webhook"]),
        ("timezone", ["cron"]), ("catch_up", ["cron"]),
    ]

    /// A condition that we look at ourselves, a time, or an alert or a webhook that is sent to us.
    func trigger(_ node: YAMLNode, _ syntax: inout RunbookSyntax) {
        guard var reader = MappingReader(node, what: "a trigger", sink: self.sink) else {
            return
        }
        defer { reader.finish() }
        let kinds = reader.pairs(of: Self.kinds)
        let holdsFor = reader.duration("for")
        let labels = reader.named("labels", "a mapping of labels to values")
        let parameters = reader.named("parameters", "a mapping of parameters to labels")
        let timezone = reader.text("timezone")
        let catchUp = reader.word("catch_up", AlertSyntax.CatchUp.self)
        let cooldown = reader.duration("cooldown")
        let limit = reader.text("limit").flatMap(self.rateLimit)
        if kinds.count > 1 {
            self.sink.report(.severalTriggers(at: kinds[1].key.span, first: kinds[0].key.span))
        } else if let pair = kinds.first, pair.key.text != "condition" {
            self.refuseKeys(of: pair.key.text, reader)
            let kind: AlertSyntax.Kind =
                pair.key.text == "cron" ? .cron : pair.key.text == "webhook" ? .webhook : .alert
            guard let text = reader.text(pair.value, pair.key.text),
                let name = kind == .cron ? self.time(text, pair.value) : text
            else {
                return
            }
            syntax.alerts.append(
                AlertSyntax(
                    kind: kind,
                    name: name,
                    labels: self.textPairs(labels, reader),
                    parameters: self.textPairs(parameters, reader),
                    timezone: timezone,
                    catchUp: catchUp,
                    cooldown: cooldown,
                    limit: limit
                )
            )
        } else if let condition = reader.requiredExpression("condition", because: "or 'alert:', 'webhook:', 'cron:'") {
            self.refuseKeys(of: "condition", reader)
            syntax.triggers.append(
                TriggerSyntax(condition: condition, holdsFor: holdsFor, cooldown: cooldown, limit: limit)
            )
        }
    }

    private func refuseKeys(of trigger: String, _ reader: MappingReader) {
        for key in Self.keys where !key.of.contains(trigger) {
            if let span = reader.keySpan(key.name) {
                self.sink.report(.notForThisTrigger(key.name, trigger, at: span))
            }
        }
    }

    private func time(_ text: Spanned<String>, _ node: YAMLNode) -> Spanned<String>? {
        do throws(CronSchedule.Mistake) {
            return Spanned(try CronSchedule(text.value).text, at: text.span)
        } catch {
            let span = node.scalar.map { $0.span(ofUTF8Range: error.place) } ?? text.span
            self.sink.report(.badTime(error, at: span))
            return nil
        }
    }

    private func textPairs(
        _ pairs: [(name: Spanned<String>, value: YAMLNode)]?,
        _ reader: MappingReader
    ) -> [TextPairSyntax] {
        (pairs ?? []).compactMap { name, node in
            reader.text(node, name.value).map { TextPairSyntax(name: name, value: $0) }
        }
    }

    private func rateLimit(_ text: Spanned<String>) -> Spanned<RateLimit>? {
        let words = text.value.split(separator: " ")
        guard
            words.count == 3, words[1] == "per", let count = Int(words[0]), count > 0,
            let window = Milliseconds(text: String(words[2]))
        else {
            self.sink.report(.badRateLimit(text.value, at: text.span))
            return nil
        }
        return Spanned(RateLimit(count: count, window: window), at: text.span)
    }
}

extension Diagnostic {
    fileprivate static func badTime(_ mistake: CronSchedule.Mistake, at span: SourceSpan) -> Self {
        Self(code: Code(127), severity: .error, message: mistake.message, span: span, help: mistake.help)
    }
}
