// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import ClusterWatch
package import RunJournal
import RunPlan
package import RunVocabulary
import SelfhealConfiguration
import WorldAdapters

/// What was sent to us, on disk.
extension Engine {
    /// Makes alerts durable, each for the runbook that it asks for; those that were taken before are left out.
    package func take(_ alerts: [(runbook: String, alert: Alert)]) async throws -> [AcceptedAlert] {
        let now = self.clock.now
        let rows = alerts.map { runbook, alert in
            AlertRow(
                runbook: runbook,
                subject: alert.subject,
                began: alert.began,
                at: now.milliseconds,
                body: alert.stored.text
            )
        }
        return try await zip(self.store.takeAlerts(rows), alerts).compactMap { number, wanted in
            number.map { AcceptedAlert(number: $0, runbook: wanted.runbook, alert: wanted.alert, at: now) }
        }
    }

    /// Alerts without an answer; what an earlier version wrote and this one cannot read is answered.
    package func waitingAlerts() async throws -> [AcceptedAlert] {
        var accepted: [AcceptedAlert] = []
        for waiting in try await self.store.waitingAlerts() {
            guard let alert = Alert(stored: waiting.row) else {
                try await self.answer([waiting.number], "it cannot be read")
                continue
            }
            accepted.append(
                AcceptedAlert(
                    number: waiting.number,
                    runbook: waiting.row.runbook,
                    alert: alert,
                    at: Instant(milliseconds: waiting.row.at)
                )
            )
        }
        return accepted
    }

    package func answer(_ alerts: [Int64], _ text: String) async throws {
        try await self.store.answerAlerts(alerts, text)
    }

    package func resolve(_ alerts: [Alert]) async throws {
        try await self.store.resolveAlerts(alerts.map(\.subject), "over before anything was begun for it")
    }

    /// Takes one step in forgetting old runs, as the configuration says; says which are gone, and whether there is more to do.
    package func forgetSomeRuns() async throws -> ForgettingSlice {
        let retention = self.configuration.watch.retention
        guard retention.isAnything else {
            return ForgettingSlice(isDone: true)
        }
        let now = self.clock.now.milliseconds
        return try await self.store.forgetSomeRuns(
            ForgettingRule(
                endedBefore: now - Retention.least.count,
                olderThan: retention.age.map { now - $0.count },
                keeping: retention.runs
            )
        )
    }

    /// Forgets what was answered long ago.
    package func forgetAlerts(olderThan age: Milliseconds) async throws {
        try await self.store.forgetAlerts(before: self.clock.now.milliseconds - age.count)
    }
}

extension Alert {
    fileprivate var stored: JSON {
        .object([
            JSONMember("kind", .string(self.kind.rawValue)), JSONMember("name", .string(self.name)),
            JSONMember("labels", .object(self.labels.map { JSONMember($0.name, .string($0.value)) })),
        ])
    }

    fileprivate init?(stored row: AlertRow) {
        guard
            let json = try? JSON(parsing: row.body), let kind = json["kind"]?.stringValue.flatMap(PlanAlert.Kind.init),
            let name = json["name"]?.stringValue, let members = json["labels"]?.members
        else {
            return nil
        }
        let labels = members.compactMap { member in member.value.stringValue.map { (member.name, $0) } }
        self.init(
            kind: kind,
            name: name,
            labels: Dictionary(labels) { first, _ in first },
            isFiring: true,
            began: row.began
        )
    }
}
