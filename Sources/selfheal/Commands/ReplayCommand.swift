// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunJournal
import RunPlan
import RunReplay
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import SelfhealEngine
import WorldAdapters

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Take a recorded run again, step by step, or against a changed runbook.",
        discussion: """
            The records of the run go through the machine that decides live runs: what was seen, answered and carried out, and what is decided \
            upon it. No host is reached, and the store is only read.

            With --with, a changed runbook hears the same, as long as it decides the same. From where they part it goes on with what was \
            recorded, and stops where the record holds no answer to what it wants to know.

            Exit status: 0 when the same was decided, 1 when not, 2 when asked wrongly, 3 when we failed.
            """
    )

    @Argument(help: "The run, or the beginning of its id.")
    var run: String

    @Option(name: .customLong("with"), help: "A changed runbook, to hear what the run heard.")
    var changed: String?

    @Option(
        name: .customLong("param"),
        help: "A parameter of the changed runbook, as name=value; without it the run's, else its default."
    )
    var parameters: [String] = []

    @OptionGroup var configuration: ConfigurationOption

    @Flag(help: "Show what was decided alone, without what was seen.")
    var brief = false

    @Option(help: "How it is printed.")
    var format = OutputFormat.text

    func validate() throws {
        guard self.changed != nil || self.parameters.isEmpty else {
            throw ValidationError("--param is for a changed runbook: name it by --with FILE")
        }
    }

    func run() async throws {
        let plan = try self.changed.map { try RunbookFile.loadOrExit($0) }
        let recording = try await self.recording()
        let replay = Replay(recording)
        guard let plan else {
            Terminal.output(self.format == .json ? replay.json.prettyText : replay.text(isBrief: self.brief))
            guard replay.isSame else {
                throw ExitCode.answerIsNo
            }
            return
        }
        guard replay.isSame else {
            Terminal.say("run \(recording.binding.run) cannot be held against another runbook: \(replay.verdict)")
            throw ExitCode.answerIsNo
        }
        let given = try ParameterValues.read(self.parameters, for: plan, carrying: recording.binding)
        do {
            let changed = try ChangedReplay(recording, with: plan, parameters: given)
            Terminal.output(self.format == .json ? changed.json.prettyText : changed.text(isBrief: self.brief))
            guard changed.parting == nil else {
                throw ExitCode.answerIsNo
            }
        } catch let error as ExitCode {
            throw error
        } catch {
            Terminal.say(EngineError(describing: error).message)
            throw ExitCode.weFailed
        }
    }

    private func recording() async throws -> Recording {
        let store = try JournalReader.open(try self.configuration.loadForReading())
        let recording = try await store.reporting { store in
            let summary = try await store.findRun(self.run)
            let id = RunID(summary.id)
            let binding = try await store.binding(of: id)
            return Recording(binding: binding, events: try await store.events(of: id), outcome: summary.outcome)
        }
        guard !recording.events.isEmpty else {
            Terminal.say("run \(recording.binding.run) has not begun: there is nothing to replay")
            throw ExitCode.answerIsNo
        }
        return recording
    }
}

extension ParameterValues {
    /// Every parameter with the value given, else with the one that the run had, else its default.
    fileprivate static func read(
        _ given: [String],
        for plan: Plan,
        carrying binding: RunBinding
    ) throws -> [String: Fact] {
        var carrying = plan
        for index in carrying.parameters.indices {
            let parameter = carrying.parameters[index]
            let before = binding.plan.parameters.first { $0.name == parameter.name }
            if let before, before.kind == parameter.kind, let value = binding.parameters[parameter.name] {
                carrying.parameters[index].defaultValue = value
            }
        }
        return try self.read(given, for: carrying)
    }
}
