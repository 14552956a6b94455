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
        let greeting = Nonce.fresh()
        let script: RemoteScript
        do throws(ReceiptError) {
            script = try Self.plainScript(act, become: place.store.become, greeting: greeting)
        } catch {
            return CommandReport(.notSent(reason: error.message))
        }
        let output = Mutex(PlainOutput(greeting: greeting, limit: act.outputLimit))
        let result = await place.transport.run(script, timeout: act.timeout.duration) { bytes in
            output.withLock { $0.consume(bytes) }
        }
        let printed = output.withLock { $0 }
        func report(_ ending: CommandReport.Ending, _ errors: [UInt8] = []) -> CommandReport {
            CommandReport(
                ending,
                standardOutput: String(decoding: printed.kept, as: UTF8.self),
                standardError: String(decoding: errors, as: UTF8.self),
                isOutputCut: printed.isCut
            ).bounded(to: act.outputLimit)
        }
        switch result {
        case .notSent(let reason): return CommandReport(.notSent(reason: reason))
        case .broken(let reason): return report(.inDoubt(reason: reason))
        case .ended(.timeIsUp): return report(.timedOut)
        case .ended(.cancelled): return report(.stopped)
        case .exited(let status?, let errors):
            if !printed.isGreeted, let refusal = Self.refusalToBecome(status, errors, at: place) {
                return CommandReport(.notSent(reason: refusal))
            }
            return report(.exited(status: Int(status)), errors)
        case .exited(nil, _): return report(.signalled(name: "unknown"))
        }
    }
}

/// What a command without a receipt prints: all that comes after the greeting, up to a limit.
struct PlainOutput {
    private let mark: [UInt8]
    private let limit: Int
    /// What came before the greeting, as far as it could hold its beginning.
    private var chatter: [UInt8] = []
    private(set) var kept: [UInt8] = []
    private(set) var isGreeted = false
    private(set) var isCut = false

    init(greeting: String, limit: Int) {
        self.mark = Array("\n\(greeting)\n".utf8)
        self.limit = limit
    }

    mutating func consume(_ bytes: [UInt8]) {
        guard !self.isGreeted else {
            self.keep(bytes[...])
            return
        }
        self.chatter += bytes
        var start = 0
        while start + self.mark.count <= self.chatter.count {
            if self.chatter[start...].starts(with: self.mark) {
                self.isGreeted = true
                self.keep(self.chatter[(start + self.mark.count)...])
                self.chatter = []
                return
            }
            start += 1
        }
        self.chatter.removeFirst(start)
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) {
        let room = self.limit - self.kept.count
        self.kept += bytes.prefix(max(room, 0))
        self.isCut = self.isCut || bytes.count > room
    }
}
