// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Dispatch
import Glibc
import RunCore
import RunJournal
import RunPlan
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine

/// One run in the foreground: an engine of its own, live progress, Ctrl-C, and approvals at the terminal.
struct LiveSession {
    let engine: Engine
    private let printer: ProgressPrinter

    static func open(_ configuration: SelfhealConfiguration, isQuiet: Bool) async throws -> LiveSession {
        do throws(EngineError) {
            return LiveSession(engine: try Engine.open(configuration), printer: ProgressPrinter(isQuiet: isQuiet))
        } catch {
            Terminal.say(error.message)
            if error.isHeld {
                Terminal.say("help: \(await StoreStanding(configuration: configuration).holder())")
            }
            throw ExitCode.weFailed
        }
    }

    /// Refuses to start a runbook of which another run rests: it may have commands in flight, and would later go on from what is no longer so.
    func refuseSecond(of runbook: String) async throws {
        let unfinished: [RunSummary]
        let doubtful: LeftInDoubt?
        do {
            unfinished = try await self.engine.unfinished()
            doubtful = try await self.engine.leftInDoubt(by: runbook).first
        } catch {
            try await self.fail(error)
        }
        for other in unfinished where other.runbook != runbook {
            let what = "run \(other.id) of '\(other.runbook)' has not ended, and nobody drives it"
            Terminal.say("\(what): 'selfheal resume \(other.id)' goes on with it")
        }
        let others = unfinished.filter { $0.runbook == runbook }
        guard let first = others.first else {
            guard let doubtful else {
                return
            }
            Terminal.say(doubtful.text)
            Terminal.say("help: --anyway starts another all the same")
            await self.engine.close()
            throw ExitCode.askedWrongly
        }
        let ids = others.map(\.id).joined(separator: ", ")
        Terminal.say("'\(runbook)' has not ended: \(ids)")
        Terminal.say(
            "help: 'selfheal resume \(first.id)' goes on with it, 'selfheal cancel \(first.id)' ends it; --anyway starts another beside it"
        )
        await self.engine.close()
        throw ExitCode.askedWrongly
    }

    func begin(_ binding: RunBinding, source: String) async throws {
        let text =
            switch TextFile.read(source) {
            case .success(let bytes): String(decoding: bytes, as: UTF8.self)
            case .failure: ""
            }
        do {
            try await self.engine.create(binding, source: text)
        } catch {
            try await self.fail(error)
        }
        Terminal.say("run \(binding.run): \(binding.plan.title)")
    }

    /// The run that was named, else the only one that has not ended.
    func runToResume(_ prefix: String?) async throws -> RunID {
        do {
            if let prefix {
                return try await self.engine.findRun(prefix)
            }
            let unfinished = try await self.engine.unfinished()
            switch unfinished.count {
            case 1: return RunID(unfinished[0].id)
            case 0: Terminal.say("every run has ended; nothing is to be resumed")
            default:
                let ids = unfinished.map(\.id).joined(separator: ", ")
                Terminal.say("several runs have not ended: name one of \(ids)")
            }
        } catch {
            try await self.fail(error)
        }
        await self.engine.close()
        throw ExitCode.answerIsNo
    }

    /// Drives the run to its end and exits with what it came to; *despite doubt* it begins although an earlier run left something in doubt.
    func finish(_ run: RunID, despiteDoubt: Bool = false) async throws {
        await StoreStanding(configuration: self.engine.configuration).mentionFreeze()
        let interrupts = self.listenForInterrupts(run)
        let asking = TerminalApprovals(engine: self.engine, run: run).start()
        defer {
            for interrupt in interrupts {
                interrupt.cancel()
            }
            asking?.cancel()
        }
        do {
            if let start = try await self.engine.start(of: run) {
                self.printer.count(from: start)
            }
            let outcome = try await self.engine.drive(run, observer: self.printer, despiteDoubt: despiteDoubt)
            let left = try await self.engine.doubts(leftBy: run)
            await self.engine.close()
            Terminal.output("\(run) \(outcome.rawValue)")
            Terminal.say("'selfheal show \(run)' tells what was done")
            if let left {
                Terminal.say(left.text)
            }
            if outcome != .succeeded, outcome != .notNeeded {
                throw ExitCode.answerIsNo
            }
        } catch let code as ExitCode {
            throw code
        } catch {
            Terminal.say("run \(run) stops here, and 'selfheal resume \(run)' can go on with it once the cause is gone")
            try await self.fail(error)
        }
    }

    private func fail(_ error: any Error) async throws -> Never {
        let described = EngineError(describing: error)
        Terminal.say(described.message)
        await self.engine.close()
        throw described.isAnswer ? ExitCode.answerIsNo : ExitCode.weFailed
    }

    /// The first Ctrl-C cancels and says what is in flight; the second leaves the run as it is, to be resumed.
    private func listenForInterrupts(_ run: RunID) -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            let reached = Interrupts()
            source.setEventHandler { [engine = self.engine] in
                guard number == SIGINT, reached.next() == 1 else {
                    Terminal.say(
                        "\nleft as it is; 'selfheal resume \(run)' finds out what became of what was in flight"
                    )
                    // Not `exit`: it would take down what other threads are using. The journal is on disk already.
                    _exit(130)
                }
                Task {
                    let request = OperatorRequest.cancel(run: run.text, because: "Ctrl-C")
                    let answer = try? await engine.desk.answer(
                        request,
                        from: UnixUser.current,
                        about: engine.reach(run)
                    )
                    Terminal.say(
                        "\n\(answer?.text ?? "the run cannot be cancelled now"); Ctrl-C again leaves it as it is"
                    )
                }
            }
            source.resume()
            return source
        }
    }
}

/// Counts signals; only the signal's own queue touches it.
private final class Interrupts: @unchecked Sendable {
    private var count = 0

    func next() -> Int {
        self.count += 1
        return self.count
    }
}
