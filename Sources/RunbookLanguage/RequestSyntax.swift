// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
package import RunVocabulary
package import RunbookSource
import RunbookYAML

/// `request`: one request over HTTP.
package struct RequestSyntax: Sendable {
    package var method: Spanned<String>?
    package var url: TemplateSyntax?
    package var headers: [EnvironmentSyntax]
    package var body: TemplateSyntax?
    package var effect: Spanned<EffectClass>?
    /// Empty when not given.
    package var expected: [ClosedRange<Int>]
    package var repeating: Spanned<RepeatPolicy>?
    package var idempotencyKey: Spanned<Bool>?
    package var span: SourceSpan
}

extension RunbookParser {
    func request(_ reader: inout MappingReader) -> RequestSyntax {
        let help = "say where it goes: url: \"http://cruise-control:9090/kafkacruisecontrol/rebalance\""
        let url = reader.require("url", because: help).flatMap { reader.template($0, "url") }
        let headers = (reader.named("headers", "a mapping of names to texts") ?? []).compactMap { name, value in
            reader.template(value, name.value).map { EnvironmentSyntax(name: name, value: $0) }
        }
        return RequestSyntax(
            method: reader.text("method"),
            url: url,
            headers: headers,
            body: reader.template("body"),
            effect: reader.word("effect"),
            expected: (reader.texts("expect_status") ?? []).compactMap(self.status),
            repeating: reader.word("repeat"),
            idempotencyKey: reader.bool("idempotency_key"),
            span: reader.span
        )
    }

    /// `200` or `200..299`.
    private func status(_ text: Spanned<String>) -> ClosedRange<Int>? {
        let statuses = 100...599
        if let number = Int(text.value), statuses.contains(number) {
            return number...number
        }
        let parts = text.value.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count == 3, parts[1].isEmpty, let low = Int(parts[0]), let high = Int(parts[2]), low <= high,
            statuses.contains(low), statuses.contains(high)
        {
            return low...high
        }
        self.sink.report(.badStatus(text.value, at: text.span))
        return nil
    }
}
