// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunPlan
import RunSimulator
import RunVocabulary
import RunbookSource
import RunbookYAML

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Rehearse a runbook in virtual time against a pretend cluster.",
        discussion: """
            The rehearsal drives the machine that a live run drives, and reaches no host. The same runbook, scenario and seed \
            give the same output, byte for byte. Times are counted from the beginning of the scenario.

            Not rehearsed is what a live engine does around a run: the first gate of a triggered run with 'autonomy: approve', \
            cool-down, limits and locks.

            Exit status: 0 when the run succeeded or was not needed and no data was harmed, 1 otherwise, 2 when asked wrongly.
            """
    )

    @Argument(help: "The runbook's file.")
    var file: String

    @Option(help: "The scenario's file.")
    var scenario: String

    @Option(help: "What every length and chance is drawn from.")
    var seed: UInt64 = 1

    @Option(name: .customLong("param"), help: "A parameter of the run, as name=value; may be given several times.")
    var parameters: [String] = []

    @Option(help: "How the timeline is printed.")
    var format = OutputFormat.text

    func run() throws {
        let given = try self.givenParameters()
        let plan = try RunbookFile.loadOrExit(self.file)
        let document = try self.readScenario()
        let renderer = DiagnosticRenderer(files: [document.file], usesColour: Terminal.usesColour(on: STDERR_FILENO))
        guard let scenario = self.scenario(in: document, renderer) else {
            throw ExitCode.answerIsNo
        }
        let (result, diagnostics) = Rehearsal.run(plan, in: scenario, seed: self.seed, given: given)
        if let result {
            Terminal.output(self.format == .json ? result.json.prettyText : result.text)
        }
        if !diagnostics.isEmpty {
            Terminal.write(renderer.render(diagnostics), to: STDERR_FILENO)
        }
        guard let result, result.isWell else {
            throw ExitCode.answerIsNo
        }
    }

    private func givenParameters() throws -> [String: String] {
        var given: [String: String] = [:]
        for text in self.parameters {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                Terminal.say("'--param \(text)' is no name=value")
                throw ExitCode.askedWrongly
            }
            given[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return given
    }

    private func readScenario() throws -> YAMLDocument {
        switch TextFile.read(self.scenario) {
        case .failure(let problem):
            Terminal.say("'\(self.scenario)' cannot be read: \(problem.reason)")
            throw ExitCode.askedWrongly
        case .success(let bytes): return YAMLDocument.parse(path: self.scenario, bytes: bytes)
        }
    }

    /// The scenario, or everything that is wrong with it on standard error.
    private func scenario(in document: YAMLDocument, _ renderer: DiagnosticRenderer) -> Scenario? {
        let (scenario, mistakes) = document.root.map { ScenarioReader.read($0) } ?? (nil, [])
        let diagnostics = (document.diagnostics + mistakes).inSourceOrder()
        if !diagnostics.isEmpty {
            Terminal.write(renderer.render(diagnostics), to: STDERR_FILENO)
        }
        return diagnostics.hasErrors ? nil : scenario
    }
}
