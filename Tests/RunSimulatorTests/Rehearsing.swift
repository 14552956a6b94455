// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunSimulator
import RunVocabulary
import RunbookCompiler
import RunbookSource
import RunbookYAML
import Testing

/// Plans and scenarios for tests, from the repository or from text.
enum Rehearsing {
    static let repository = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        .standardizedFileURL

    static func plan(_ name: String) throws -> Plan {
        try self.plan(text: self.text("runbooks/\(name).yaml"), path: "runbooks/\(name).yaml")
    }

    /// The plan of a runbook that must be without a mistake; what an expert would warn of is tested elsewhere.
    static func plan(text: String, path: String = "runbook.yaml") throws -> Plan {
        let checked = CheckedRunbook(path: path, text: text)
        let complaints = DiagnosticRenderer(files: [checked.file]).render(checked.diagnostics)
        return try #require(checked.plan, "\(complaints)")
    }

    static func scenario(_ name: String) throws -> Scenario {
        try self.scenario(text: self.text("examples/scenarios/\(name).yaml"))
    }

    static func scenario(text: String) throws -> Scenario {
        let file = SourceFile(path: "scenario.yaml", text: text)
        let (scenario, diagnostics) = self.read(file)
        let complaints = DiagnosticRenderer(files: [file]).render(diagnostics)
        #expect(!diagnostics.hasErrors, "\(complaints)")
        return try #require(scenario)
    }

    static func read(_ file: SourceFile) -> (scenario: Scenario?, diagnostics: [Diagnostic]) {
        let document = YAMLDocument.parse(file)
        guard let root = document.root else {
            return (nil, document.diagnostics)
        }
        let (scenario, diagnostics) = ScenarioReader.read(root)
        return (scenario, document.diagnostics + diagnostics)
    }

    /// A rehearsal that nothing keeps from its end.
    static func run(_ plan: Plan, in scenario: Scenario, seed: UInt64 = 1) throws -> RehearsalResult {
        let (result, diagnostics) = Rehearsal.run(plan, in: scenario, seed: seed)
        #expect(diagnostics.isEmpty, "\(diagnostics.map(\.message))")
        return try #require(result)
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: self.repository.appending(path: path), encoding: .utf8)
    }
}

extension RehearsalResult {
    /// The first entry of a kind whose text contains `part`.
    func entry(_ kind: TimelineEntry.Kind, _ part: String) throws -> TimelineEntry {
        let complaint = Comment(rawValue: "no \(kind) says '\(part)' in\n\(self.text)")
        return try #require(self.timeline.first { $0.kind == kind && $0.text.contains(part) }, complaint)
    }

    /// When a step was first entered or said something.
    func moment(of step: StepKey) throws -> Milliseconds {
        let complaint = Comment(rawValue: "no entry of \(step) in\n\(self.text)")
        let entry = try #require(self.timeline.first { $0.step == step }, complaint)
        return entry.at.elapsed(since: Instant(milliseconds: 0))
    }

    /// The commands in the order in which they were sent: `zk2: start zookeeper`.
    var commands: [String] {
        self.timeline.filter { $0.kind == .act && self.isSending($0) }.map { entry in
            "\(entry.target?.text ?? "engine"): \(entry.text)"
        }
    }

    private func isSending(_ entry: TimelineEntry) -> Bool {
        !Outcome.allCases.contains { entry.text == $0.rawValue || entry.text.hasPrefix("\($0.rawValue):") }
    }
}

extension Milliseconds {
    /// Whether it is that many seconds, up to one more: probes and commands take their time.
    func isAbout(seconds: Int64) -> Bool {
        (.seconds(seconds) ... .seconds(seconds + 1)).contains(self)
    }
}
