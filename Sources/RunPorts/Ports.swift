// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPlan
package import RunVocabulary

/// Keeps what happened to runs.
///
/// `append` returns when the events are on disk and will survive a power cut; an event is handled only then. After a failure nothing is
/// known about the batch, and every further call fails: a journal that lost something must not go on as if it had not.
package protocol RunLog: Sendable {
    /// Makes the events durable, together with what a list of runs says of this one from now on, if that is anything new.
    func append(_ events: [RunEvent], to run: RunID, from sequence: Int64, update: RunStatus?) async throws
}

/// What a list of runs shows without reading their journals.
package struct RunStatus: Hashable, Sendable {
    package var state: RunState
    package var outcome: RunOutcome?
    package var at: Instant

    package init(state: RunState, outcome: RunOutcome?, at: Instant) {
        self.state = state
        self.outcome = outcome
        self.at = at
    }
}

extension RunStatus {
    /// What a machine shows of itself after its last event.
    package init(of machine: RunMachine, at moment: Instant) {
        let state: RunState
        if machine.outcome != nil {
            state = machine.leftInDoubt.isEmpty ? .ended : .endedInDoubt
        } else if !machine.doubts.isEmpty {
            state = .inDoubt
        } else {
            state = machine.openGates.isEmpty ? .running : .waitingForApproval
        }
        self.init(state: state, outcome: machine.outcome, at: moment)
    }
}

package enum RunState: String, Hashable, Sendable, CaseIterable {
    case running
    /// It has not begun: another run holds what it locks.
    case waitingForLock = "waiting_for_lock"
    case waitingForApproval = "waiting_for_approval"
    case inDoubt = "in_doubt"
    case ended
    /// It has ended, and what became of one of its acts is for a person to settle.
    case endedInDoubt = "ended_in_doubt"
    /// Its journal contradicts its plan; nothing more is done for it.
    case stopped
}

/// Sends commands, once.
///
/// Implementations end a command when its time is up and say truthfully what is known: a report of `notSent` means that not a byte of it ran
/// and never will, and everything that cannot be told is `inDoubt`.
package protocol CommandRunner: Sendable {
    /// Carries the command out and answers when it has ended.
    func run(_ act: Act, on node: Node?, onOutput: @escaping @Sendable (CommandOutput) -> Void) async -> CommandReport
    /// Finds out what became of a command that began in an earlier life; waits for it when it still runs.
    func inquire(_ act: Act, on node: Node?) async -> CommandReport
    /// Ends the command and everything in its session; the answer comes as the report of `run` or `inquire`.
    func stop(_ effect: EffectID) async
}

package struct CommandOutput: Hashable, Sendable {
    package var effect: EffectID
    package var isError: Bool
    package var text: String

    package init(effect: EffectID, isError: Bool, text: String) {
        self.effect = effect
        self.isError = isError
        self.text = text
    }
}

/// Looks, and changes nothing.
package protocol ProbeRunner: Sendable {
    /// One report for each target, in the order of the targets; a target that could not be asked has its problem in the report.
    func probe(_ order: ProbeOrder, in inventory: Inventory) async -> [ProbeReport]
    /// The facts of nodes, each by all of its monitors.
    func observe(_ nodes: [NodeName], in inventory: Inventory) async -> [ProbeReport]
    /// The facts of one node by the monitor of this name.
    func look(at node: NodeName, by monitor: String, in inventory: Inventory) async -> ProbeReport
}

extension ProbeRunner {
    package func look(at node: NodeName, by monitor: String, in inventory: Inventory) async -> ProbeReport {
        await self.observe([node], in: inventory).first ?? ProbeReport(target: node, facts: [:])
    }
}

/// Tells people.
package protocol Messenger: Sendable {
    /// One delivery for each channel of the notice.
    func tell(_ notice: Notice, of binding: RunBinding, at moment: Instant) async -> [Delivery]
}

/// What the executor shows while it works; looking must never slow the run down.
package protocol RunObserver: Sendable {
    func happened(_ event: RunEvent, in run: RunID)
    func decided(_ effect: RunEffect, at moment: Instant, in run: RunID)
    func printed(_ output: CommandOutput, in run: RunID)
}

/// The wall clock of the engine.
package protocol WallClock: Sendable {
    var now: Instant { get }
    /// Returns at the moment, or earlier by cancellation.
    func sleep(until moment: Instant) async
}
