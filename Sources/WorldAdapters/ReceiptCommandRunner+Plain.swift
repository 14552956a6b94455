// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import RunCore
import RunPlan
import RunVocabulary
import Synchronization

extension ReceiptCommandRunner {
    /// A command that must not be repeated and leaves no receipt: what is not seen to end is in doubt.
    func runUnguarded(_ act: Act, on node: Node?) async -> CommandReport {
        do {
            let place = try self.place(of: node)
            guard !self.isStopAsked(act.effect) else {
                return CommandReport(.notSent(reason: "it was stopped before it was sent"))
            }
            return await Self.runPlain(act, at: place)
        } catch {
            return CommandReport(.notSent(reason: error.message))
        }
    }

    private static func runPlain(_ act: Act, at place: Place) async -> CommandReport {
        let script: RemoteScript
        do throws(ReceiptError) {
            script = try Self.plainScript(act, become: place.store.become)
        } catch {
            return CommandReport(.notSent(reason: error.message))
        }
        let output = Mutex<[UInt8]>([])
        let result = await place.transport.run(
            script,
            timeout: act.timeout.duration
        ) { bytes in
            output.withLock { $0 = Array(($0 + bytes).prefix(CommandReport.outputLimit)) }
        }
        let text = output.withLock { String(decoding: $0, as: UTF8.self) }
        switch result {
        case .notSent(let reason): return CommandReport(.notSent(reason: reason))
        case .broken(let reason): return CommandReport(.inDoubt(reason: reason), standardOutput: text)
        case .ended(.timeIsUp): return CommandReport(.timedOut, standardOutput: text)
        case .ended(.cancelled): return CommandReport(.stopped, standardOutput: text)
        case .exited(let status?, let errors):
            return CommandReport(
                .exited(status: Int(status)),
                standardOutput: text,
                standardError: String(decoding: errors.prefix(CommandReport.outputLimit), as: UTF8.self)
            )
        case .exited(nil, _): return CommandReport(.signalled(name: "unknown"), standardOutput: text)
        }
    }
}
