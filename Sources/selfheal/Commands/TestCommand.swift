// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunPlan
import RunVocabulary
import RunbookSource
import RunbookTesting
import RunbookYAML

struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run the tests of runbooks: scenarios, and what must come of them.",
        discussion: """
            A file NAME.test.yaml beside a runbook holds its cases. Each is rehearsed in virtual time with the machine that carries runs \
            out; no host is reached, and the same files give the same report, byte for byte. The report ends with the transitions of \
            each runbook that no case walked.

            Exit status: 0 when every case passed, 1 when one failed (or, with --strict, when a transition was never walked), 2 when a \
            file could not be used. With --watch it goes on until Ctrl-C.
            """
    )

    @Argument(help: "Files of tests, runbooks that have one beside them, or folders; this folder by default.")
    var paths: [String] = []

    @Option(help: "Only cases whose names contain this; then nothing is said of transitions.")
    var only: String?

    @Flag(help: "Fail, too, when a transition was never walked and is not excused, or is excused and was walked.")
    var strict = false

    @Flag(help: "Show what happened in cases that passed, too.")
    var verbose = false

    @Option(help: "A file for a report in the form of JUnit.")
    var junit: String?

    @Option(help: "How the report is printed.")
    var format = OutputFormat.text

    @Flag(help: "Run the tests again whenever one of the files changes.")
    var watch = false

    func validate() throws {
        guard !self.watch || self.format == .text else {
            throw ValidationError("--watch prints text: take --format away")
        }
    }

    func run() throws {
        let files = try self.files()
        let first = self.test(files)
        guard self.watch else {
            try self.exit(by: first)
            return
        }
        let watch = try FileWatch(first.watched)
        let notice = "\nwatching \(first.watched.count.counted("file")); Ctrl-C ends it"
        Terminal.say(notice)
        try watch.forEachChange { _ in
            _ = self.test(files)
            Terminal.say(notice)
        }
    }

    // MARK: Files

    private func files() throws -> [String] {
        var files: [String] = []
        for path in self.paths.isEmpty ? ["."] : self.paths {
            switch TestFiles.find(path) {
            case .success(let found): files += found.filter { !files.contains($0) }
            case .failure(let problem):
                Terminal.say("'\(path)' has no tests: \(problem.reason)")
                throw ExitCode.askedWrongly
            }
        }
        return files
    }

    // MARK: One round

    private struct Round {
        var report = TestReport()
        var hasBadFile = false
        var isWritten = true
        var watched: [String] = []
    }

    private func test(_ files: [String]) -> Round {
        var round = Round()
        for path in files {
            self.test(path, &round)
        }
        self.renderRefuted(round.report)
        switch self.format {
        case .text: Terminal.output(round.report.text(isVerbose: self.verbose))
        case .json: Terminal.output(round.report.json.prettyText)
        }
        if let junit = self.junit {
            round.isWritten = self.write(round.report.junit, to: junit)
        }
        return round
    }

    private func test(_ path: String, _ round: inout Round) {
        round.watched.append(path)
        let loaded = LoadedTests.load(path)
        round.watched += [loaded.runbook].compactMap { $0 }.filter { !round.watched.contains($0) }
        var files = loaded.files
        var diagnostics = loaded.diagnostics
        if let tests = loaded.tests, let plan = loaded.plan {
            diagnostics += round.report.run(tests, at: path, of: plan, only: self.only)
        } else {
            round.report.files.append(
                TestReport.FileReport(
                    path: path,
                    runbook: loaded.runbook ?? "",
                    cases: [],
                    mistakes: diagnostics.filter { $0.severity == .error }
                )
            )
        }
        round.hasBadFile = round.hasBadFile || diagnostics.hasErrors
        if files.isEmpty {
            files = [SourceFile(path: path, text: "")]
        }
        if !diagnostics.isEmpty {
            let renderer = DiagnosticRenderer(files: files, usesColour: Terminal.usesColour(on: STDERR_FILENO))
            Terminal.write(renderer.render(diagnostics.inSourceOrder()), to: STDERR_FILENO)
        }
    }

    private func renderRefuted(_ report: TestReport) {
        let refuted = report.refuted
        guard !refuted.isEmpty else {
            return
        }
        let files = Set(refuted.map(\.span.path)).sorted().compactMap { path -> SourceFile? in
            guard case .success(let bytes) = TextFile.read(path) else {
                return nil
            }
            return SourceFile(path: path, text: String(decoding: bytes, as: UTF8.self))
        }
        let renderer = DiagnosticRenderer(files: files, usesColour: Terminal.usesColour(on: STDERR_FILENO))
        Terminal.write(renderer.render(refuted), to: STDERR_FILENO)
    }

    private func write(_ text: String, to path: String) -> Bool {
        guard let file = fopen(path, "w") else {
            Terminal.say("'\(path)' cannot be written: \(String(cString: strerror(errno)).lowercased())")
            return false
        }
        let isWritten = fputs(text, file) >= 0
        guard fclose(file) == 0, isWritten else {
            Terminal.say("'\(path)' cannot be written: \(String(cString: strerror(errno)).lowercased())")
            return false
        }
        return true
    }

    private func exit(by round: Round) throws {
        guard round.isWritten else {
            throw ExitCode.weFailed
        }
        guard !round.hasBadFile else {
            throw ExitCode.askedWrongly
        }
        guard self.only == nil || !round.report.cases.isEmpty else {
            Terminal.say("no case has '\(self.only ?? "")' in its name")
            throw ExitCode.askedWrongly
        }
        let isIncomplete = self.strict && (round.report.neverWalked > 0 || !round.report.refuted.isEmpty)
        guard round.report.failed == 0, !isIncomplete else {
            throw ExitCode.answerIsNo
        }
    }
}

/// A file of tests with its runbook, and everything that is wrong with the two.
struct LoadedTests {
    var files: [SourceFile] = []
    var diagnostics: [Diagnostic] = []
    var tests: TestFile?
    /// The runbook's path, as far as the tests name one.
    var runbook: String?
    var plan: Plan?

    static func load(_ path: String) -> LoadedTests {
        guard case .success(let bytes) = TextFile.read(path) else {
            return LoadedTests(diagnostics: RunbookFile.load(path).diagnostics)
        }
        return self.load(YAMLDocument.parse(path: path, bytes: bytes))
    }

    static func load(_ document: YAMLDocument) -> LoadedTests {
        var loaded = LoadedTests(files: [document.file], diagnostics: document.diagnostics)
        guard let root = document.root else {
            return loaded
        }
        let (tests, mistakes) = TestFileReader.read(root)
        loaded.diagnostics = (loaded.diagnostics + mistakes).inSourceOrder()
        loaded.tests = loaded.diagnostics.hasErrors ? nil : tests
        guard let name = tests?.runbook ?? root["tests"]?.named else {
            return loaded
        }
        let folder = TextFile.folder(of: document.file.path)
        let runbook = name.value.hasPrefix("/") || folder == "." ? name.value : "\(folder)/\(name.value)"
        loaded.runbook = runbook
        let file = RunbookFile.load(runbook)
        loaded.plan = file.plan
        if file.plan == nil {
            let errors = file.diagnostics.count { $0.severity == .error }
            let isThere = file.failure != .askedWrongly
            let reason = isThere ? "\(errors.counted("mistake")) in it" : "there is no such file"
            loaded.diagnostics.append(.untestableRunbook(runbook, reason, at: name.span))
            if isThere {
                loaded.files += file.files
                loaded.diagnostics += file.diagnostics
            }
        }
        return loaded
    }
}

extension YAMLNode {
    /// The text of a file's name, where only the rest of the file is wrong.
    fileprivate var named: Spanned<String>? {
        self.isNull ? nil : self.scalar.map { Spanned($0.text, at: self.span) }
    }
}
