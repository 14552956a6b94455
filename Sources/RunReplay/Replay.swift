// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
import RunVocabulary

/// A recorded run once more: every record through the machine that decides live runs, and what it decides now.
///
/// A journal keeps what the world said and not what was decided, but nearly every record is there because of a decision: a command that was sent, a
/// question that was answered. Where one does not follow from what is decided now, this engine decides otherwise than the one that
/// recorded it.
package struct Replay: Sendable {
    /// Where it comes out otherwise.
    package struct Difference: Hashable, Sendable {
        package let record: Int
        package let text: String
    }

    /// A run that went another way differs in all that follows; the first few say where.
    private static let differenceLimit = 5

    package private(set) var steps: [ReplayStep] = []
    package private(set) var differences: [Difference] = []
    package private(set) var machine: RunMachine
    package let recording: Recording

    package init(_ recording: Recording) {
        self.recording = recording
        self.machine = RunMachine(binding: recording.binding)
        var open = OpenBusiness()
        for (index, event) in recording.events.enumerated() {
            let record = index + 1
            if let complaint = open.complaint(about: event, wakeAt: self.machine.wakeAt) {
                self.add(Difference(record: record, text: complaint))
            }
            let effects: [RunEffect]
            do {
                effects = try self.machine.handle(event)
            } catch {
                self.add(Difference(record: record, text: error.message))
                return
            }
            open.take(event, effects)
            self.steps.append(
                ReplayStep(
                    record: record,
                    at: event.moment.elapsed(since: recording.start),
                    event: event,
                    decisions: effects.compactMap { Decision($0) }
                )
            )
        }
        self.compareEnds()
    }

    private mutating func compareEnds() {
        let now = self.machine.outcome?.rawValue
        guard now != self.recording.outcome else {
            return
        }
        let text = "the run ended \(self.recording.outcome ?? "not at all"), and now \(now ?? "it does not end")"
        self.add(Difference(record: self.recording.events.count, text: text))
    }

    private mutating func add(_ difference: Difference) {
        if self.differences.count < Self.differenceLimit {
            self.differences.append(difference)
        }
    }

    /// Whether the record holds a whole run.
    package var isWhole: Bool {
        self.recording.outcome != nil
    }
}
