// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunExecutor
import RunPlan
import RunPorts
import RunVocabulary

/// A world that does nothing and answers at once, so that only the engine is measured.
struct IdleWorld: CommandRunner, ProbeRunner, Messenger, RunObserver {
    func run(_ act: Act, on node: Node?, onOutput: @escaping @Sendable (CommandOutput) -> Void) async -> CommandReport {
        CommandReport(.exited(status: 0))
    }

    func inquire(_ act: Act, on node: Node?) async -> CommandReport {
        CommandReport(.inDoubt(reason: "nothing is ever begun twice here"))
    }

    func stop(_ effect: EffectID) async {}

    func probe(_ order: ProbeOrder, in inventory: Inventory) async -> [ProbeReport] {
        order.targets.map { ProbeReport(target: $0, facts: [:]) }
    }

    func observe(_ nodes: [NodeName], in inventory: Inventory) async -> [ProbeReport] {
        nodes.map { ProbeReport(target: $0, facts: [:]) }
    }

    func tell(_ notice: Notice, of binding: RunBinding, at moment: Instant) async -> [Delivery] {
        notice.channels.map { Delivery(channel: $0, failure: nil) }
    }

    func happened(_ event: RunEvent, in run: RunID) {}
    func decided(_ effect: RunEffect, at moment: Instant, in run: RunID) {}
    func printed(_ output: CommandOutput, in run: RunID) {}
}

extension RunDriver.World {
    static func idle(_ log: any RunLog, _ clock: any WallClock) -> Self {
        let world = IdleWorld()
        return Self(log: log, commands: world, probes: world, messenger: world, observer: world, clock: clock)
    }
}
