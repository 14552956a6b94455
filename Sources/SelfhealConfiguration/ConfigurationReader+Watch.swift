// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML

/// `monitoring:` and `watch:`: what the daemon looks at, starts and keeps to.
extension ConfigurationReader {
    /// Who may be asked and told.
    struct Reachable {
        let people: [Person]
        let channels: [String]
    }

    func watch(
        _ reader: inout MappingReader,
        _ reachable: Reachable
    ) -> (settings: WatchSettings, runbooks: [Spanned<String>], monitors: [MonitorEntry]?) {
        var settings = WatchSettings()
        let monitors = reader.take("monitoring").flatMap { self.monitoring($0, &settings) }
        let runbooks = reader.take("watch").map { self.watch($0, reachable, &settings) } ?? []
        return (settings, runbooks, monitors)
    }

    private func monitoring(_ node: YAMLNode, _ settings: inout WatchSettings) -> [MonitorEntry]? {
        guard var reader = MappingReader(node, what: "'monitoring'", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        self.skip(UnactedKeys.monitoring, &reader)
        let every = self.span("interval", orSeconds: "interval_seconds", least: .seconds(1), &reader)
        let timeout = self.span("timeout", orSeconds: "timeout_seconds", least: Milliseconds(100), &reader)
        settings.every = every?.value ?? settings.every
        // Unless it is said, it fits the interval.
        settings.timeout = timeout?.value ?? min(settings.timeout, Milliseconds(settings.every.count * 4 / 5))
        let downAfter = reader.int("down_after", in: 1...100)
        let retries = reader.int("health_check_retries", in: 0...99)
        if let downAfter, let retries {
            self.sink.report(
                .sameMeaning("health_check_retries", "down_after", at: retries.span, first: downAfter.span)
            )
        }
        settings.downAfter = downAfter?.value ?? retries.map { $0.value + 1 } ?? settings.downAfter
        settings.upAfter = reader.int("up_after", in: 1...100)?.value ?? settings.upAfter
        if let place = timeout, settings.timeout >= settings.every {
            self.sink.report(
                .lookLongerThanInterval(settings.timeout, settings.every, at: place.span, interval: every?.span)
            )
        }
        return self.monitors(&reader)
    }

    private func watch(
        _ node: YAMLNode,
        _ reachable: Reachable,
        _ settings: inout WatchSettings
    ) -> [Spanned<String>] {
        guard var reader = MappingReader(node, what: "'watch'", sink: self.sink) else {
            return []
        }
        defer { reader.finish() }
        let runbooks = (reader.texts("runbooks") ?? []).map { Spanned(self.folders.resolve($0), at: $0.span) }
        let channels = reader.texts("channels") ?? []
        for channel in channels where !reachable.channels.contains(channel.value) {
            self.sink.report(.unknownWatchChannel(channel.value, known: reachable.channels, at: channel.span))
        }
        settings.channels = channels.map(\.value)
        settings.cooldown = self.span("cooldown", least: .zero, &reader)?.value ?? settings.cooldown
        settings.concurrentRuns = reader.int("concurrent_runs", in: 1...100)?.value ?? settings.concurrentRuns
        settings.panicThreshold = reader.int("panic_threshold", in: 0...100)?.value ?? settings.panicThreshold
        if let ask = reader.take("ask") {
            self.ask(ask, reachable.people, &settings)
        }
        if let limit = reader.take("limit") {
            self.limit(limit, &settings)
        }
        if let brake = reader.take("brake") {
            self.brake(brake, &settings)
        }
        if let flap = reader.take("flap") {
            self.flap(flap, &settings)
        }
        if let touch = reader.take("touch") {
            self.touch(touch, &settings)
        }
        settings.maintenance = self.maintenance(&reader)
        settings.heartbeat = self.span("heartbeat", least: .minutes(1), &reader)?.value
        return runbooks
    }

    /// How many runs of all runbooks together may begin.
    private func limit(_ node: YAMLNode, _ settings: inout WatchSettings) {
        guard var reader = MappingReader(node, what: "'limit'", sink: self.sink) else {
            return
        }
        defer { reader.finish() }
        settings.limit = reader.int("runs", in: 1...WatchSettings.limitCeiling)?.value ?? settings.limit
        settings.limitWindow = self.span("within", least: .seconds(1), &reader)?.value ?? settings.limitWindow
    }

    /// When the same again and again becomes something for people.
    private func brake(_ node: YAMLNode, _ settings: inout WatchSettings) {
        guard var reader = MappingReader(node, what: "'brake'", sink: self.sink) else {
            return
        }
        defer { reader.finish() }
        let range = 1...WatchSettings.limitCeiling
        settings.startsBeforeAsking = reader.int("ask_after", in: range)?.value ?? settings.startsBeforeAsking
        settings.startsBeforeRefusing = reader.int("refuse_after", in: range)?.value ?? settings.startsBeforeRefusing
        settings.brakeWindow = self.span("within", least: .seconds(1), &reader)?.value ?? settings.brakeWindow
    }

    private func ask(_ node: YAMLNode, _ people: [Person], _ settings: inout WatchSettings) {
        guard var reader = MappingReader(node, what: "'ask'", sink: self.sink) else {
            return
        }
        defer { reader.finish() }
        settings.askFrom = (reader.texts("from") ?? []).compactMap { text in
            guard let approver = Approver(text: text.value) else {
                self.sink.report(.badApprover(text.value, at: text.span))
                return nil
            }
            if !people.contains(where: { $0.fits(approver) }) {
                self.sink.report(.nobodyToAsk(approver, people, at: text.span))
            }
            return approver
        }
        settings.askFor = self.span("timeout", least: .seconds(1), &reader)?.value ?? settings.askFor
    }

    /// How many targets one run may change.
    private func touch(_ node: YAMLNode, _ settings: inout WatchSettings) {
        guard var reader = MappingReader(node, what: "'touch'", sink: self.sink) else {
            return
        }
        defer { reader.finish() }
        let range = 1...WatchSettings.limitCeiling
        settings.touch.perRun = reader.int("per_run", in: range)?.value
        settings.touch.perDomain = reader.int("per_failure_domain", in: range)?.value
    }

    /// When a node changes too often to be believed.
    private func flap(_ node: YAMLNode, _ settings: inout WatchSettings) {
        guard var reader = MappingReader(node, what: "'flap'", sink: self.sink) else {
            return
        }
        defer { reader.finish() }
        settings.flapChanges = reader.int("changes", in: 1...WatchSettings.limitCeiling)?.value ?? settings.flapChanges
        settings.flapWindow = self.span("within", least: .seconds(1), &reader)?.value ?? settings.flapWindow
    }

    /// A duration such as `10s`, or a whole number of seconds under the other key.
    func span(
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
