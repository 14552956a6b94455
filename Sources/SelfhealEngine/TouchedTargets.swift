// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunPlan
import RunPorts
import RunVocabulary
import Synchronization

/// The targets that one run has changed, held to the limits of the configuration.
///
/// They are counted again from the journal when a run is taken up, so that no restart gives it more.
final class TouchedTargets: Sendable {
    private let limits: TouchLimits
    private let inventory: Inventory
    private let touched: Mutex<Set<NodeName>>

    init(_ limits: TouchLimits, of binding: RunBinding, history: [RunEvent]) {
        self.limits = limits
        self.inventory = binding.inventory
        var machine = RunMachine(binding: binding)
        var targets: [EffectID: NodeName] = [:]
        var touched: Set<NodeName> = []
        for event in history {
            if case .began(let effect, _) = event, let target = targets[effect] {
                touched.insert(target)
            }
            // A journal that contradicts its plan stops the run where it is driven.
            for case .act(let act) in (try? machine.handle(event)) ?? [] where act.effectClass.changesTheWorld {
                targets[act.effect] = act.target
            }
        }
        self.touched = Mutex(touched)
    }

    /// Takes a target in, or says why it must not be changed.
    func refusal(of target: NodeName) -> String? {
        self.touched.withLock { touched in
            guard !touched.contains(target) else {
                return nil
            }
            if let reason = self.limits.refusal(of: target, after: touched, in: self.inventory) {
                return reason
            }
            touched.insert(target)
            return nil
        }
    }
}

/// Sends nothing that would change more targets than one run may.
struct LimitedCommands: CommandRunner {
    let base: any CommandRunner
    let touched: TouchedTargets

    func run(
        _ act: Act,
        on node: Node?,
        onOutput: @escaping @Sendable (CommandOutput) -> Void
    ) async -> CommandReport {
        if act.effectClass.changesTheWorld, let node, let reason = self.touched.refusal(of: node.name) {
            return CommandReport(.notSent(reason: reason))
        }
        return await self.base.run(act, on: node, onOutput: onOutput)
    }

    func inquire(_ act: Act, on node: Node?) async -> CommandReport {
        await self.base.inquire(act, on: node)
    }

    func stop(_ effect: EffectID) async {
        await self.base.stop(effect)
    }
}
