// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import RunCore
import RunPlan
import RunVocabulary
import SelfhealConfiguration
import SelfhealDaemon
import SelfhealEngine
import Synchronization

/// The daemon of `selfheal serve`, in this process, for as long as one healing takes.
///
/// Nobody tells it that something broke. What it logs is shown as it comes, and the story waits for entries of that log.
final class DemoWatch: Sendable {
    /// How long the story waits for what it tells next; a person may have to be found for an approval.
    private static let patience = Duration.seconds(1_800)

    let engine: Engine
    private let work: Task<Void, any Error>
    private let entries: AsyncStream<LogEntry>
    private let clock: WallTime

    static func start(
        _ configuration: SelfhealConfiguration,
        _ runbook: WatchDaemon.Runbook
    ) async throws -> DemoWatch {
        do throws(EngineError) {
            return DemoWatch(try Engine.open(configuration), runbook)
        } catch {
            Terminal.say(error.message)
            throw ExitCode.weFailed
        }
    }

    private init(_ engine: Engine, _ runbook: WatchDaemon.Runbook) {
        let (entries, continuation) = AsyncStream.makeStream(of: LogEntry.self)
        let clock = WallTime()
        self.engine = engine
        self.entries = entries
        self.clock = clock
        let daemon = WatchDaemon(
            engine: engine,
            runbooks: [runbook],
            surroundings: WatchDaemon.Surroundings(
                log: { entry in
                    Terminal.say("[watch] \(Terminal.printable(entry.message))")
                    continuation.yield(entry)
                },
                observer: { _ in ProgressPrinter(isQuiet: false) },
                nextRun: { RunNaming.fresh() }
            )
        )
        self.work = Task {
            let limit = Task {
                try await Task.sleep(for: Self.patience)
                continuation.finish()
            }
            defer {
                limit.cancel()
                continuation.finish()
            }
            try await daemon.run()
        }
    }

    /// Waits until the daemon logs one of these events, such as `health` or `run_began`.
    func next(_ events: String...) async throws -> LogEntry {
        for await entry in self.entries where events.contains(entry.event) {
            return entry
        }
        Terminal.say("the watch ended, or \(Self.patience) were over; 'selfheal lab status' shows the cluster")
        throw ExitCode.weFailed
    }

    func end() async {
        self.work.cancel()
        _ = await self.work.result
        await self.engine.close()
    }
}

extension LogEntry {
    var run: RunID? {
        for member in self.subject where member.name == "run" {
            if case .string(let text) = member.value {
                return RunID(text)
            }
        }
        return nil
    }
}

extension Engine {
    /// Lets demo users answer every gate of the run, one after the other.
    ///
    /// *asPersonSits*: somebody at the terminal is asked, too, and is left the vote of gates that one vote opens.
    func approve(_ run: RunID, as people: [String], asPersonSits: Bool) -> Task<Void, Never> {
        Task {
            var answered: Set<String> = []
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                guard let machine = try? await self.reach(run).machine() else {
                    continue
                }
                for gate in machine.openGates where !asPersonSits || gate.gate.needed > 1 {
                    for person in people where answered.insert("\(gate.gate.step) \(person)").inserted {
                        let request = OperatorRequest.vote(
                            run: run.text,
                            step: gate.gate.step.text,
                            decision: .granted,
                            digest: gate.gate.digest,
                            comment: "demo user",
                            speakingFor: person
                        )
                        _ = try? await self.desk.answer(request, from: UnixUser.current, about: self.reach(run))
                    }
                }
            }
        }
    }
}
