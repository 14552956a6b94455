// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunPorts
import RunVocabulary

extension RunDriver.World {
    /// Sends the act with its secrets in it, and takes them out of what comes back.
    func carryOut(
        _ act: Act,
        in inventory: Inventory,
        onOutput: @escaping @Sendable (CommandOutput) -> Void
    ) async -> CommandReport {
        switch self.secrets.reveal(act) {
        case .failure(let missing):
            return CommandReport(.notSent(reason: "the secret '\(missing.name)' is not known to this engine"))
        case .success(let revealed):
            if case .request = act.command {
                return self.secrets.mask(await self.requests.send(revealed)).bounded(to: act.outputLimit)
            }
            let mask = self.secrets.streamMask()
            let report = await self.commands.run(revealed, on: act.node(in: inventory)) { output in
                let text = mask.pass(output.text, isError: output.isError)
                if !text.isEmpty {
                    onOutput(CommandOutput(effect: output.effect, isError: output.isError, text: text))
                }
            }
            for isError in [false, true] {
                let text = mask.finish(isError: isError)
                if !text.isEmpty {
                    onOutput(CommandOutput(effect: act.effect, isError: isError, text: text))
                }
            }
            return self.secrets.mask(report).bounded(to: act.outputLimit)
        }
    }

    func inquire(_ act: Act, in inventory: Inventory) async -> CommandReport {
        guard case .success(let revealed) = self.secrets.reveal(act) else {
            return CommandReport(.inDoubt(reason: "a secret that it was sent with is not known to this engine"))
        }
        if case .request = act.command {
            return self.secrets.mask(await self.requests.inquire(revealed)).bounded(to: act.outputLimit)
        }
        let report = await self.commands.inquire(revealed, on: act.node(in: inventory))
        return self.secrets.mask(report).bounded(to: act.outputLimit)
    }
}

extension Notice {
    /// What approvers are told when a gate opens.
    init(asking gate: Gate, of run: RunID) {
        self.init(
            id: NoticeID("\(run)-\(gate.step)-gate"),
            step: gate.step,
            channels: gate.channels,
            severity: .critical,
            message: """
                Approval needed (\(gate.needed) of \(gate.from.map(\.text).joined(separator: ", "))): \(gate.message)
                To answer: selfheal approve \(run) \(gate.step), or: selfheal deny \(run) \(gate.step)
                """
        )
    }
}
