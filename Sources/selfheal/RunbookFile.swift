// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import RunbookYAML

/// A runbook's file with everything that is wrong with it, and its plan if nothing is.
struct RunbookFile {
    let file: SourceFile
    let diagnostics: [Diagnostic]
    let plan: Plan?

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
        if let syntax {
            let compiled = RunbookCompiler.compile(syntax, path: path)
            diagnostics += compiled.diagnostics
            plan = diagnostics.hasErrors ? nil : compiled.plan
        }
        return RunbookFile(file: document.file, diagnostics: diagnostics.inSourceOrder().withoutEchoes(), plan: plan)
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
