// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML

/// `monitoring:` and `watch:`: what the daemon looks at, starts and keeps to.
extension ConfigurationReader {
    func watch(_ reader: inout MappingReader) -> (settings: WatchSettings, runbooks: [Spanned<String>]) {
        var settings = WatchSettings()
        if let node = reader.take("monitoring") {
            self.monitoring(node, &settings)
        }
        let runbooks = reader.take("watch").map { self.watch($0, &settings) } ?? []
        return (settings, runbooks)
    }

    private func monitoring(_ node: YAMLNode, _ settings: inout WatchSettings) {
        guard var reader = MappingReader(node, what: "'monitoring'", sink: self.sink) else {
            return
        }
        defer { reader.finish() }
        self.skip(UnactedKeys.monitoring, &reader)
        let every = self.span("interval", orSeconds: "interval_seconds", least: .seconds(1), &reader)
        let timeout = self.span("timeout", orSeconds: "timeout_seconds", least: Milliseconds(100), &reader)
        settings.every = every?.value ?? settings.every
        settings.timeout = timeout?.value ?? settings.timeout
        settings.downAfter = reader.int("down_after", in: 1...100)?.value ?? settings.downAfter
        settings.upAfter = reader.int("up_after", in: 1...100)?.value ?? settings.upAfter
        if let place = timeout ?? every, settings.timeout >= settings.every {
            self.sink.report(.lookLongerThanInterval(settings.timeout, settings.every, at: place.span))
        }
    }

    private func watch(_ node: YAMLNode, _ settings: inout WatchSettings) -> [Spanned<String>] {
        guard var reader = MappingReader(node, what: "'watch'", sink: self.sink) else {
            return []
        }
        defer { reader.finish() }
        let runbooks = (reader.texts("runbooks") ?? []).map { Spanned(self.folders.resolve($0.value), at: $0.span) }
        settings.channels = (reader.texts("channels") ?? []).map(\.value)
        settings.cooldown = self.span("cooldown", least: .zero, &reader)?.value ?? settings.cooldown
        settings.concurrentRuns = reader.int("concurrent_runs", in: 1...100)?.value ?? settings.concurrentRuns
        settings.panicThreshold = reader.int("panic_threshold", in: 0...100)?.value ?? settings.panicThreshold
        if let ask = reader.take("ask") {
            self.ask(ask, &settings)
        }
        return runbooks
    }

    private func ask(_ node: YAMLNode, _ settings: inout WatchSettings) {
        guard var reader = MappingReader(node, what: "'ask'", sink: self.sink) else {
            return
        }
        defer { reader.finish() }
        settings.askFrom = (reader.texts("from") ?? []).compactMap { text in
            let approver = Approver(text: text.value)
            if approver == nil {
                self.sink.report(.badApprover(text.value, at: text.span))
            }
            return approver
        }
        settings.askFor = self.span("timeout", least: .seconds(1), &reader)?.value ?? settings.askFor
    }

    /// A duration such as `10s`, or a whole number of seconds under the other key.
    private func span(
        _ key: String,
        orSeconds other: String? = nil,
        least: Milliseconds,
        _ reader: inout MappingReader
    ) -> Spanned<Milliseconds>? {
        let first = reader.text(key)
        if let other, let seconds = reader.int(other, in: 1...86_400) {
            if let first {
                self.sink.report(.sameMeaning(other, key, at: seconds.span, first: first.span))
            }
            return Spanned(.seconds(Int64(seconds.value)), at: seconds.span)
        }
        guard let text = first else {
            return nil
        }
        guard let length = Milliseconds(text: text.value), length >= least else {
            self.sink.report(.badSpan(key, text.value, least: least, at: text.span))
            return nil
        }
        return Spanned(length, at: text.span)
    }
}
