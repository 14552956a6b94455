// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import RunCore
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine

/// Asks the person at the terminal when a gate opens that they may answer.
struct TerminalApprovals {
    private static let interval = Duration.milliseconds(200)

    let engine: Engine
    let run: RunID

    /// Nothing when nobody sits at a terminal: then others answer with `selfheal approve`.
    func start() -> Task<Void, Never>? {
        guard Terminal.isInteractive else {
            return nil
        }
        return Task { await self.watch() }
    }

    private func watch() async {
        var asked: Set<StepKey> = []
        while !Task.isCancelled {
            let gates = (try? await self.engine.reach(self.run).machine().openGates) ?? []
            if let gate = gates.first(where: { !asked.contains($0.gate.step) }) {
                asked.insert(gate.gate.step)
                await self.ask(gate.gate)
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func ask(_ gate: Gate) async {
        guard let person = self.engine.desk.person(unixUser: UnixUser.current) else {
            Terminal.say("you are nobody in the configuration's 'people:'; others answer with 'selfheal approve'")
            return
        }
        let watcher = Task { await self.endPromptWhenClosed(gate.step) }
        defer {
            watcher.cancel()
            Terminal.endPrompt()
        }
        var answer: String?
        repeat {
            Terminal.prompt("Approve '\(gate.step)' as \(person.name)? [yes/no] ")
            answer = await Self.readLine()?.lowercased()
        } while answer.map { !["y", "yes", "n", "no"].contains($0) } ?? false && !Task.isCancelled
        let decision: OperatorRequest.VoteDecision
        switch answer {
        case "y", "yes": decision = .granted
        case "n", "no": decision = .denied
        default:
            Terminal.say("not answered; 'selfheal approve \(self.run) \(gate.step)' does it later")
            return
        }
        let request = OperatorRequest.vote(
            run: self.run.text,
            step: gate.step.text,
            decision: decision,
            digest: gate.digest,
            comment: "at the terminal",
            speakingFor: nil
        )
        do {
            let reached = self.engine.reach(self.run)
            let answer = try await self.engine.desk.answer(request, from: UnixUser.current, about: reached)
            if !answer.isDone {
                Terminal.say(answer.text)
            }
        } catch {
            Terminal.say(EngineError(describing: error).message)
        }
    }

    /// Takes the question back when others have answered it.
    private func endPromptWhenClosed(_ step: StepKey) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            let machine = try? await self.engine.reach(self.run).machine()
            if let machine, !machine.openGates.contains(where: { $0.gate.step == step }) {
                Terminal.endPrompt()
                return
            }
        }
    }

    /// One line, read on a thread of its own: nothing else may wait for a person's fingers.
    private static func readLine() async -> String? {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(returning: Swift.readLine())
            }
        }
    }
}
