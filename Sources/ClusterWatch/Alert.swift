// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// Something that somebody else saw, and sent to us.
package struct Alert: Hashable, Sendable {
    package var kind: PlanAlert.Kind
    package var name: String
    /// In the order of their names, which are distinct.
    package var labels: [PlanAlert.Pair]
    package var isFiring: Bool
    /// When it began, as its sender says; the same alert that begins anew is another incident.
    package var began: String

    package init(kind: PlanAlert.Kind, name: String, labels: [String: String], isFiring: Bool, began: String) {
        self.kind = kind
        self.name = name
        self.labels = labels.map { PlanAlert.Pair(name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
        self.isFiring = isFiring
        self.began = began
    }

    /// What it is about: the same name and labels give the same text, whoever sends them.
    package var subject: String {
        let labels = JSON.array(self.labels.flatMap { [.string($0.name), .string($0.value)] })
        let digest = ContentDigest(
            ofCanonical: .array([.string(self.kind.rawValue), .string(self.name), labels])
        )
        return (self.kind == .cron ? Self.cronMark : "") + String(digest.hexadecimal.prefix(32))
    }

    /// Begins the subject of a time, and of nothing else: it is no hexadecimal digit.
    package static let cronMark = "t"

    /// What a run for it is about; nothing when that is all of its runbook.
    package var concern: String? {
        self.kind == .cron ? nil : self.subject
    }

    package func label(_ name: String) -> String? {
        self.labels.first { $0.name == name }?.value
    }

    func fits(_ trigger: PlanAlert) -> Bool {
        self.kind == trigger.kind && self.name == trigger.name
            && trigger.labels.allSatisfy { self.label($0.name) == $0.value }
    }

    /// For people: `alert KafkaBrokerDown (instance=kafka1:9092)`.
    package var text: String {
        if self.kind == .cron {
            // The rest tells apart two hours that clocks show alike.
            let time = self.began.split(separator: " ").prefix(2).joined(separator: " ")
            return "'cron: \(self.name)' (\(self.label(PlanAlert.timezoneLabel) ?? "UTC")), due at \(time),"
        }
        let shown = self.labels.filter { $0.name != "alertname" }.prefix(Self.labelsShown)
        let list = shown.map { "\($0.name)=\($0.value.prefix(Self.valueShown))" }.joined(separator: ", ")
        return "\(self.kind.rawValue) \(self.name)" + (list.isEmpty ? "" : " (\(list))")
    }

    private static let labelsShown = 4
    private static let valueShown = 60
}

/// An alert that is in the store and was not acted upon.
package struct AcceptedAlert: Hashable, Sendable {
    /// Its place in the store.
    package var number: Int64
    /// The runbook that it asks for; an alert that fits two of them is accepted for each.
    package var runbook: String
    package var alert: Alert
    package var at: Instant

    package init(number: Int64, runbook: String, alert: Alert, at: Instant) {
        self.number = number
        self.runbook = runbook
        self.alert = alert
        self.at = at
    }
}
