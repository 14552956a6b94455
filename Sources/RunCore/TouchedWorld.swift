// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// Keeps what we asked and what we did apart: a fact is only as young as the question, and our own commands make it old at once.
///
/// ```
///     question ──────────────── answer          shows nothing of the command
///               command asked for … ended
/// ```
///
/// Time alone does not tell: two events may have the same moment. So changes are counted, and a question remembers the count.
struct TouchedWorld: Hashable, Sendable {
    struct Question: Hashable, Sendable {
        let at: Instant
        fileprivate let changes: Int
    }

    /// One target of one step.
    struct Lane: Hashable, Comparable, Sendable {
        let step: StepKey
        let target: NodeName?

        static func < (left: Lane, right: Lane) -> Bool {
            (left.step.text, left.target?.text ?? "") < (right.step.text, right.target?.text ?? "")
        }
    }

    enum Standing: Hashable, Sendable {
        /// Its command is being decided, was sent, is being proved, or is in doubt.
        case underWay
        /// Waits until it is the only one.
        case queued
    }

    private var changes = 0
    /// What the count was when the last act was asked for.
    private var changesAtLastAct = 0
    /// Questions without an answer.
    private var open: [RequestID: Question] = [:]
    private var underWay: Set<Lane> = []
    private var queued: Set<Lane> = []
    private var wasFreed = false

    // MARK: Questions

    mutating func change() {
        self.changes += 1
    }

    mutating func act() {
        self.changesAtLastAct = self.changes
        self.change()
    }

    /// Whether the act that was asked for last rested on less than it could know.
    func hadChangedAtLastAct(since question: Question) -> Bool {
        question.changes < self.changesAtLastAct
    }

    mutating func ask(_ request: RequestID, at moment: Instant) {
        self.open[request] = self.question(at: moment)
    }

    func question(at moment: Instant) -> Question {
        Question(at: moment, changes: self.changes)
    }

    /// The question that is answered now.
    mutating func close(_ request: RequestID, orAt moment: Instant) -> Question {
        self.open.removeValue(forKey: request) ?? self.question(at: moment)
    }

    func hasChanged(since question: Question) -> Bool {
        question.changes != self.changes
    }

    // MARK: Turns

    func isAlone(_ lane: Lane) -> Bool {
        switch self.underWay.count {
        case 0: true
        case 1: self.underWay.contains(lane)
        default: false
        }
    }

    /// The first of those under way by name, so that a reason reads the same in every replay.
    var actUnderWay: Lane? {
        self.underWay.min()
    }

    mutating func place(_ lane: Lane, _ standing: Standing?) {
        if standing == .underWay {
            self.underWay.insert(lane)
        } else if self.underWay.remove(lane) != nil {
            self.wasFreed = true
        }
        if standing == .queued {
            self.queued.insert(lane)
        } else {
            self.queued.remove(lane)
        }
    }

    mutating func hasFreeTurn() -> Bool {
        defer { self.wasFreed = false }
        return self.wasFreed && !self.queued.isEmpty
    }
}
