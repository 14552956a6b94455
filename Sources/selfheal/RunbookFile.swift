// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import RunPlan
import RunVocabulary
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import RunbookTesting
import RunbookYAML
import SelfhealConfiguration
import SelfhealEngine
import Synchronization

/// A runbook's file with everything that is wrong with it, and its plan if nothing is.
struct RunbookFile {
    let file: SourceFile
    let diagnostics: [Diagnostic]
    let plan: Plan?
    /// Where the names below `targets:` stand.
    var selections: [String: SourceSpan] = [:]
    /// What it is called in a summary, if it is a configuration and no runbook at all.
    var configurationSummary: String?
    /// The files of the runbooks that it calls, as far as they were read.
    var called: [SourceFile] = []
    /// Kept, because a command that ends need not take a tree of a million nodes apart.
    private var checked: CheckedRunbook?

    /// Every file that a diagnostic may be about.
    var files: [SourceFile] {
        [self.file] + self.called
    }

    /// What a command ends with that needs a plan: a file that is not there is another mistake than one that is wrong.
    var failure: ExitCode {
        self.diagnostics.contains { $0.code == Diagnostic.Code(100) } ? .askedWrongly : .answerIsNo
    }

    /// Reads, parses and compiles; an unreadable file is a diagnostic like any other mistake.
    static func load(_ path: String) -> RunbookFile {
        switch TextFile.read(path) {
        case .failure(let problem):
            let file = SourceFile(path: path, text: "")
            return RunbookFile(file: file, diagnostics: [.unreadableFile(path, problem.reason)], plan: nil)
        case .success(let bytes): return self.compile(YAMLDocument.parse(path: path, bytes: bytes))
        }
    }

    /// Like ``load(_:)``; a file that is a configuration, or one of tests, is checked as such.
    static func loadToCheck(_ path: String, _ layers: ConfigurationLayersOption) -> RunbookFile {
        guard case .success(let bytes) = TextFile.read(path) else {
            return self.load(path)
        }
        // Most are runbooks, and a long one is read once.
        let asRunbook = YAMLDocument.parse(path: path, bytes: bytes)
        guard let root = asRunbook.root, root["runbook"] == nil else {
            return self.compile(asRunbook)
        }
        if TestFileReader.isTestFile(root) {
            return self.checkTests(path)
        }
        let isConfiguration = ["cluster", "include", "environments"].contains { root[$0] != nil }
        guard isConfiguration, root["steps"] == nil else {
            return self.compile(asRunbook)
        }
        let document = YAMLDocument.parse(path: path, bytes: bytes, features: .configuration)
        // Where files are checked, as in a repository, the secrets of channels need not be.
        let loaded = SelfhealConfiguration.load(
            document,
            from: layers.sources,
            baseFolder: TextFile.folder(of: path),
            leavingOutIncompleteChannels: true
        )
        return self.of(ServiceFiles.withMaintenanceChecked(loaded), document.file)
    }

    /// A configuration with the files that it is put together from.
    static func of(_ loaded: LoadedConfiguration, _ file: SourceFile) -> RunbookFile {
        RunbookFile(
            file: file,
            diagnostics: loaded.diagnostics,
            plan: nil,
            configurationSummary: self.summary(loaded),
            called: loaded.files.filter { $0.path != file.path }
        )
    }

    private static func checkTests(_ path: String) -> RunbookFile {
        let loaded = LoadedTests.load(path)
        var diagnostics = loaded.diagnostics
        if let tests = loaded.tests, let plan = loaded.plan {
            diagnostics += tests.problems(against: plan)
        }
        return RunbookFile(
            file: loaded.files.first ?? SourceFile(path: path, text: ""),
            diagnostics: diagnostics.inSourceOrder(),
            plan: nil,
            configurationSummary: "tests\(loaded.tests.map { ", \($0.cases.count.counted("case"))" } ?? ""), ",
            called: Array(loaded.files.dropFirst())
        )
    }

    private static func summary(_ loaded: LoadedConfiguration) -> String {
        let nodes = loaded.configuration.map { ", \($0.inventory.nodes.count.counted("node"))" } ?? ""
        let environment = loaded.environment.map { " of the environment '\($0)'" } ?? ""
        let names = loaded.incomplete.map { "\($0.name) (\($0.missing.joined(separator: ", ")))" }
            .joined(separator: ", ")
        let channels = names.isEmpty ? "" : ", channels that lack variables of the environment here: \(names)"
        return "a configuration\(environment)\(nodes)\(channels), "
    }

    private static func compile(_ document: YAMLDocument) -> RunbookFile {
        let called = CalledFiles()
        let checked = CheckedRunbook(document, loader: RunbookLoader(knowsZone: SystemZones.knows) { called.read($0) })
        let selections = (checked.root?["targets"]?.mapping ?? []).map { ($0.key.text, $0.key.span) }
        return RunbookFile(
            file: checked.file,
            diagnostics: checked.diagnostics,
            plan: checked.plan,
            selections: Dictionary(selections) { first, _ in first },
            called: called.files,
            checked: checked
        )
    }
}

/// Reads the files of called runbooks, and keeps them, so that a diagnostic can show their lines.
private final class CalledFiles: Sendable {
    private let state: Mutex<[String: SourceFile]> = Mutex([:])

    var files: [SourceFile] {
        self.state.withLock { $0.values.sorted { $0.path < $1.path } }
    }

    func read(_ path: String) -> SourceFile? {
        if let known = self.state.withLock({ $0[path] }) {
            return known
        }
        guard case .success(let bytes) = TextFile.readStored(path) else {
            return nil
        }
        let file = SourceFile(path: path, text: String(decoding: bytes, as: UTF8.self))
        self.state.withLock { $0[path] = file }
        return file
    }
}

extension Diagnostic {
    static func unreadableFile(_ path: String, _ reason: String) -> Self {
        Self(
            code: Code(100),
            severity: .error,
            message: "'\(path)' cannot be read: \(reason)",
            span: .wholeFile(path),
            help: "give the path of a runbook's file"
        )
    }
}
