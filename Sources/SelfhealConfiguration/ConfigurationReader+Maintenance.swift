// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import CronCalendar
import RunVocabulary
package import RunbookSource
import RunbookYAML

/// What maintenance windows name that only the machine can tell whether it is there.
package struct WindowNames: Hashable, Sendable {
    package var zones: [Spanned<String>] = []
    package var runbooks: [Spanned<String>] = []
}

/// Gathers them while windows are read.
final class WindowNaming {
    var names = WindowNames()
}

/// `watch: { maintenance: … }`: when people work on the cluster, and what would start waits.
extension ConfigurationReader {
    func maintenance(_ reader: inout MappingReader) -> [MaintenanceWindow] {
        let elements = reader.elements("maintenance", "a list of windows") ?? []
        if elements.count > MaintenanceWindow.limit {
            self.sink.report(
                .badWindow("\(elements.count) windows; \(MaintenanceWindow.limit) are the most", at: elements[0].span)
            )
            return []
        }
        return elements.compactMap { self.window($0) }
    }

    private func window(_ node: YAMLNode) -> MaintenanceWindow? {
        guard var reader = MappingReader(node, what: "a maintenance window", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        let (from, to, cron) = (reader.text("from"), reader.text("to"), reader.take("cron"))
        let lasts = self.span("lasts", least: .minutes(1), &reader)
        let timezone = reader.text("timezone")
        let runbooks = reader.texts("runbooks")
        self.windowNaming.names.zones += timezone.map { [$0] } ?? []
        self.windowNaming.names.runbooks += runbooks ?? []
        let because = reader.text("because")?.value ?? ""
        let times: MaintenanceWindow.Times?
        switch (from, to, cron, lasts) {
        case (let from?, let to?, nil, nil): times = self.once(from, to)
        case (nil, nil, let cron?, let lasts?): times = self.recurring(cron, lasts, &reader)
        // What is wrong with the length has been said.
        case (nil, nil, .some, nil) where reader.keySpan("lasts") != nil: times = nil
        default:
            self.sink.report(.badWindow("a window has 'from' and 'to', or 'cron' and 'lasts'", at: node.span))
            times = nil
        }
        return times.map { times in
            MaintenanceWindow(
                times: times,
                timezone: timezone?.value ?? "UTC",
                runbooks: runbooks?.map(\.value),
                because: because
            )
        }
    }

    private func once(_ from: Spanned<String>, _ to: Spanned<String>) -> MaintenanceWindow.Times? {
        let times = [from, to].map { text in
            let time = ClockTime(text.value)
            if time == nil {
                self.sink.report(.badClockTime(text.value, at: text.span))
            }
            return time
        }
        guard let begin = times[0], let end = times[1] else {
            return nil
        }
        guard begin < end else {
            self.sink.report(.badWindow("the window ends before it begins", at: to.span))
            return nil
        }
        return .once(from: begin, to: end)
    }

    private func recurring(
        _ cron: YAMLNode,
        _ lasts: Spanned<Milliseconds>,
        _ reader: inout MappingReader
    ) -> MaintenanceWindow.Times? {
        guard lasts.value <= MaintenanceWindow.longest else {
            self.sink.report(.badWindow("a window of a series lasts 7d at most", at: lasts.span))
            return nil
        }
        guard let text = reader.text(cron, "cron") else {
            return nil
        }
        do throws(CronSchedule.Mistake) {
            return .recurring(try CronSchedule(text.value), lasts: lasts.value)
        } catch {
            let span = cron.scalar.map { $0.span(ofUTF8Range: error.place) } ?? text.span
            self.sink.report(.badWindowTime(error.message, error.help, at: span))
            return nil
        }
    }
}
