// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import RunbookYAML
import Synchronization

/// A runbook's file with everything that is wrong with it, and its plan if nothing is.
struct RunbookFile {
    let file: SourceFile
    let diagnostics: [Diagnostic]
    let plan: Plan?
    /// The files of the runbooks that it calls, as far as they were read.
    var called: [SourceFile] = []

    /// Every file that a diagnostic may be about.
    var files: [SourceFile] {
        [self.file] + self.called
    }

    /// Reads, parses and compiles; an unreadable file is a diagnostic like any other mistake.
    static func load(_ path: String) -> RunbookFile {
        switch TextFile.read(path) {
        case .failure(let problem):
            let file = SourceFile(path: path, text: "")
            return RunbookFile(file: file, diagnostics: [.unreadableFile(path, problem.reason)], plan: nil)
        case .success(let bytes): return self.compile(YAMLDocument.parse(path: path, bytes: bytes), path: path)
        }
    }

    private static func compile(_ document: YAMLDocument, path: String) -> RunbookFile {
        var diagnostics = document.diagnostics
        guard let root = document.root else {
            return RunbookFile(file: document.file, diagnostics: diagnostics, plan: nil)
        }
        let (syntax, shape) = RunbookParser.parse(root)
        diagnostics += shape
        var plan: Plan?
        let called = CalledFiles()
        if let syntax {
            let compiled = RunbookCompiler.compile(syntax, path: path, loader: RunbookLoader { called.read($0) })
            diagnostics += compiled.diagnostics
            plan = diagnostics.hasErrors ? nil : compiled.plan
        }
        var loaded = RunbookFile(file: document.file, diagnostics: diagnostics.inSourceOrder(), plan: plan)
        loaded.called = called.files
        return loaded
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
        guard case .success(let bytes) = TextFile.read(path) else {
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
