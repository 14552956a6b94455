// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
import RunPorts
package import RunVocabulary
import Synchronization

/// Another system that is reached over HTTP, and keeps a ledger of what it was asked to do.
///
/// It knows idempotency keys: a request with a key that it has seen is answered as before, and done once. It outlives the engine.
package final class PretendService: RequestRunner {
    private struct State {
        var ledger: [String] = []
        var answers: [EffectID: CommandReport] = [:]
        var sendings: [EffectID] = []
        /// What comes back, first to last, by summary; without one a request is answered with a status that it expects.
        var endings: [String: [CommandReport.Ending]] = [:]
        var bodies: [String] = []
    }

    private let state = Mutex(State())

    package init() {}

    /// What was done, in the order in which it was.
    package var ledger: [String] { self.state.withLock(\.ledger) }
    package var sendings: [EffectID] { self.state.withLock(\.sendings) }
    package var bodies: [String] { self.state.withLock(\.bodies) }

    package func end(_ summary: String, with endings: [CommandReport.Ending]) {
        self.state.withLock { $0.endings[summary] = endings }
    }

    package func send(_ act: Act) async -> CommandReport {
        self.state.withLock { state in
            state.sendings.append(act.effect)
            if case .request(let request) = act.command {
                state.bodies.append(request.body?.value ?? "")
            }
            if act.repeating == .guarded, let before = state.answers[act.effect] {
                return before
            }
            var endings = state.endings[act.summary] ?? []
            let ending = endings.isEmpty ? .exited(status: act.doneStatus) : endings.removeFirst()
            state.endings[act.summary] = endings
            if case .notSent = ending {
                return CommandReport(ending)
            }
            state.ledger.append(act.summary)
            let report = CommandReport(ending, standardOutput: "{\"task\": \(state.ledger.count)}")
            state.answers[act.effect] = report
            return report
        }
    }

    package func inquire(_ act: Act) async -> CommandReport {
        guard act.repeating != .never else {
            return CommandReport(.inDoubt(reason: "a request leaves no receipt"))
        }
        return await self.send(act)
    }

    package func stop(_ effect: EffectID) async -> Bool {
        false
    }
}
