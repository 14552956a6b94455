// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunPlan
import RunSimulator
import RunVocabulary
import RunbookSource
import RunbookTesting
import RunbookYAML

struct Incidents: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Rehearse public incidents: what unguarded automation did, and what Selfheal does.",
        discussion: """
            A file NAME.scenario.yaml in the folder is the world of an incident. NAME.yaml beside it is the runbook that automation without \
            guards would have been; the runbook of the same name among ours is rehearsed in the same world, with the same seed. No host is \
            reached, and the same files give the same table.

            Exit status: 0 when ours did no harm anywhere, 1 when it did, 2 when a file could not be used.
            """
    )

    @Argument(help: "The folder with the incidents.")
    var folder = "examples/incidents"

    @Option(help: "The folder with our runbooks.")
    var runbooks = "runbooks"

    @Option(help: "Only incidents whose names contain this.")
    var only: String?

    @Option(parsing: .unconditional, help: "What every length and chance is drawn from.")
    var seed: UInt64 = 1

    @Option(help: "How it is printed.")
    var format = OutputFormat.text

    private static let ending = ".scenario.yaml"

    func run() throws {
        let names = TestFiles.names(in: self.folder).filter { $0.hasSuffix(Self.ending) }
            .map { String($0.dropLast(Self.ending.count)) }
        let chosen = names.filter { name in self.only.map { name.contains($0) } ?? true }
        guard !chosen.isEmpty else {
            Terminal.say(
                names.isEmpty
                    ? "there is no '*\(Self.ending)' in '\(self.folder)'"
                    : "no incident's name contains '\(self.only ?? "")'; there are \(names.joined(separator: ", "))"
            )
            throw ExitCode.askedWrongly
        }
        let incidents = try chosen.map { try self.incident($0) }
        switch self.format {
        case .text: Terminal.output(Incident.table(incidents))
        case .json: Terminal.output(Incident.json(incidents).prettyText)
        }
        guard incidents.allSatisfy({ $0.guarded.isHarmless }) else {
            throw ExitCode.answerIsNo
        }
    }

    private func incident(_ name: String) throws -> Incident {
        let scenario = try self.scenario("\(self.folder)/\(name)\(Self.ending)")
        let unguarded = try self.account("\(self.folder)/\(name).yaml", in: scenario)
        let guarded = try self.account("\(self.runbooks)/\(unguarded.runbook).yaml", in: scenario)
        return Incident(name: name, title: scenario.title ?? "", unguarded: unguarded, guarded: guarded)
    }

    private func account(_ path: String, in scenario: Scenario) throws -> Incident.Account {
        let runbook = RunbookFile.load(path)
        guard let plan = runbook.plan else {
            Terminal.write(DiagnosticRenderer(files: runbook.files).render(runbook.diagnostics), to: STDERR_FILENO)
            throw ExitCode.askedWrongly
        }
        let (result, diagnostics) = Rehearsal.run(plan, in: scenario, seed: self.seed, countsToll: true)
        guard let result else {
            Terminal.write(DiagnosticRenderer(files: []).render(diagnostics), to: STDERR_FILENO)
            throw ExitCode.askedWrongly
        }
        let codes = Set(runbook.diagnostics.map { "\($0.code)" }).sorted()
        return Incident.Account(runbook: plan.runbook, result: result, warnings: codes)
    }

    private func scenario(_ path: String) throws -> Scenario {
        switch TextFile.read(path) {
        case .failure(let problem):
            Terminal.say("'\(path)' cannot be read: \(problem.reason)")
            throw ExitCode.askedWrongly
        case .success(let bytes):
            let document = YAMLDocument.parse(path: path, bytes: bytes)
            let (scenario, mistakes) = document.root.map { ScenarioReader.read($0) } ?? (nil, [])
            let diagnostics = (document.diagnostics + mistakes).inSourceOrder()
            guard let scenario, !diagnostics.hasErrors else {
                Terminal.write(DiagnosticRenderer(files: [document.file]).render(diagnostics), to: STDERR_FILENO)
                throw ExitCode.askedWrongly
            }
            return scenario
        }
    }
}
