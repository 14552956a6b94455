// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CronCalendar
import RunPlan
import RunVocabulary

/// When the `cron:` triggers of the runbooks come next, and what came while nobody watched.
///
/// A time becomes an alert when it comes, and waits in the same line: it is on disk before anything follows from it, and the same time is
/// acted upon once, whoever dies in between.
struct Timetable: Hashable, Sendable {
    struct Entry: Hashable, Sendable {
        let runbook: String
        let trigger: PlanAlert
        let schedule: CronSchedule?
        let zone: ZoneRules?
        var next: Instant?
        var missed: String?
    }

    /// A time that is further back than this came while nobody watched.
    private static let patience = Milliseconds.minutes(1)

    private var entries: [Entry]

    init(_ runbooks: [WatchedRunbook], zones: [String: ZoneRules]) {
        self.entries = runbooks.flatMap { runbook in
            (runbook.plan.alerts ?? []).filter { $0.kind == .cron }.map { trigger in
                Entry(
                    runbook: runbook.name,
                    trigger: trigger,
                    schedule: try? CronSchedule(trigger.name),
                    zone: trigger.timezone == "UTC" ? .utc : zones[trigger.timezone]
                )
            }
        }
    }

    /// From now on; what came since somebody last watched was missed.
    mutating func begin(at moment: Instant, watchedUntil: Instant?) {
        for index in self.entries.indices {
            self.entries[index].next = self.entries[index].next(after: min(watchedUntil ?? moment, moment))
        }
    }

    /// The same for other runbooks; what is in both goes on.
    func adjusted(to runbooks: [WatchedRunbook], zones: [String: ZoneRules], at moment: Instant) -> Self {
        var table = Self(runbooks, zones: zones)
        for (index, entry) in table.entries.enumerated() {
            let old = self.entries.first {
                $0.runbook == entry.runbook && $0.trigger == entry.trigger && $0.zone == entry.zone
            }
            table.entries[index] = old ?? entry
            table.entries[index].next = old?.next ?? entry.next(after: moment)
        }
        return table
    }

    var wakeAt: Instant? {
        self.entries.compactMap(\.next).min()
    }

    /// What has come by now: a wish for each time that is acted upon, and a sentence for what was missed.
    mutating func due(at moment: Instant) -> (wishes: [Wish], missed: [Missed]) {
        var wishes: [Wish] = []
        var missed: [Missed] = []
        for (index, entry) in self.entries.enumerated() {
            guard let next = entry.next, next <= moment, let schedule = entry.schedule, let zone = entry.zone else {
                continue
            }
            let before = Instant(milliseconds: next.milliseconds - 1)
            guard let due = schedule.due(after: before, through: moment, in: zone) else {
                continue
            }
            self.entries[index].next = entry.next(after: moment)
            let isLate = moment.elapsed(since: due.last) > Self.patience
            if !isLate || entry.trigger.catchUp == .once {
                let began = "\(zone.text(due.last)) @\(due.last.milliseconds / 1_000)"
                wishes.append(Wish(runbook: entry.runbook, alert: Alert(cron: entry.trigger, began: began)))
            }
            let count = isLate ? due.count : due.count - 1
            if count > 0 {
                let text = entry.words(count, last: zone.text(due.last), isLate: isLate)
                self.entries[index].missed = text
                missed.append(Missed(runbook: entry.runbook, text: text))
            }
        }
        return (wishes, missed)
    }

    struct Missed: Hashable, Sendable {
        let runbook: String
        let text: String
    }

    /// When the runbook's times come next, and what was missed; nothing for one that has none.
    func outlook(of runbook: String, at moment: Instant) -> String? {
        let texts = self.entries.filter { $0.runbook == runbook }.flatMap { entry -> [String] in
            guard let zone = entry.zone, entry.schedule != nil else {
                return ["'\(entry.trigger.text)' never comes: the time zone \(entry.trigger.timezone) cannot be read"]
            }
            let next = entry.next.map { next in
                let left = next.elapsed(since: moment).rounded
                return
                    "'\(entry.trigger.text)' (\(entry.trigger.timezone)) comes next at \(zone.text(next)), in \(left)"
            }
            return [next, entry.missed].compactMap { $0 }
        }
        return texts.isEmpty ? nil : texts.joined(separator: "; ")
    }
}

extension Timetable.Entry {
    func next(after moment: Instant) -> Instant? {
        guard let zone = self.zone else {
            return nil
        }
        return self.schedule?.next(after: moment, in: zone)
    }

    fileprivate func words(_ count: Int, last: String, isLate: Bool) -> String {
        let what =
            switch (isLate, self.trigger.catchUp) {
            case (true, .once): "'catch_up: once' makes one run of it"
            case (true, _): "'catch_up: skip' makes no run of it"
            case (false, _): "one run is for all of them"
            }
        return "'\(self.trigger.text)' (\(self.trigger.timezone)) came \(count.counted("time")) while nobody watched"
            + "\(isLate ? ", the last one at \(last)" : ""); \(what)"
    }
}

extension Alert {
    fileprivate init(cron trigger: PlanAlert, began: String) {
        let labels = trigger.labels.map { ($0.name, $0.value) }
        self.init(
            kind: .cron,
            name: trigger.name,
            labels: Dictionary(labels) { first, _ in first },
            isFiring: true,
            began: began
        )
    }
}
