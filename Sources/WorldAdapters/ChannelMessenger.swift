// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import Notifications
package import RunCore
package import RunPlan
import RunPorts
package import RunVocabulary

/// Tells people over the channels of the configuration.
package struct ChannelMessenger: Messenger {
    private let service: NotificationService

    package init(service: NotificationService) {
        self.service = service
    }

    package func tell(_ notice: RunCore.Notice, of binding: RunBinding, at moment: Instant) async -> [Delivery] {
        let message = Notifications.Notice(
            id: notice.id.text,
            run: binding.run.text,
            runbook: binding.plan.runbook,
            title: binding.plan.title,
            severity: Self.severity(notice.severity),
            message: notice.message,
            step: notice.step?.text,
            facts: [
                .init("cluster", binding.inventory.clusterName), .init("requested by", binding.requestedBy.text),
            ],
            unixMilliseconds: moment.milliseconds
        )
        return await self.deliver(message, to: notice.channels)
    }

    /// What is told of the engine as a whole, and belongs to no run.
    package struct Announcement: Sendable {
        let id: String
        let runbook: String
        let title: String
        let severity: RunVocabulary.Severity
        let message: String

        package init(id: String, runbook: String, title: String, severity: RunVocabulary.Severity, message: String) {
            self.id = id
            self.runbook = runbook
            self.title = title
            self.severity = severity
            self.message = message
        }
    }

    package func announce(_ announcement: Announcement, on channels: [String], at moment: Instant) async -> [Delivery] {
        let message = Notifications.Notice(
            id: announcement.id,
            run: "none",
            runbook: announcement.runbook,
            title: announcement.title,
            severity: Self.severity(announcement.severity),
            message: announcement.message,
            step: nil,
            facts: [],
            unixMilliseconds: moment.milliseconds
        )
        return await self.deliver(message, to: channels)
    }

    private func deliver(_ message: Notifications.Notice, to channels: [String]) async -> [Delivery] {
        await self.service.deliver(message, to: channels).map { report in
            switch report.outcome {
            case .delivered: Delivery(channel: report.channel, failure: nil)
            case .failed(let reason): Delivery(channel: report.channel, failure: reason)
            case .unknownChannel:
                Delivery(channel: report.channel, failure: "the configuration has no channel of that name")
            }
        }
    }

    private static func severity(_ severity: RunVocabulary.Severity) -> Notifications.Notice.Severity {
        switch severity {
        case .info: .info
        case .warning: .warning
        case .critical: .critical
        }
    }
}
