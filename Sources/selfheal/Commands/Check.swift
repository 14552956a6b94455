// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunPlan
import RunVocabulary
import RunbookSource

struct Check: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case text
        case json
        case sarif
        case github
    }

    static let configuration = CommandConfiguration(
        abstract: "Find every mistake in runbooks, in their tests, and in a configuration.",
        discussion: """
            Exit status: 0 when there is no error, 1 when there is one, 2 when no file was named. \
            With --watch it goes on until Ctrl-C.
            """
    )

    @Argument(help: "The runbooks' files.")
    var files: [String]

    @Option(help: "How diagnostics are printed.")
    var format = Format.text

    @Flag(help: "Treat warnings as errors.")
    var strict = false

    @OptionGroup var layers: ConfigurationLayersOption

    @Flag(help: "Check again whenever a file changes.")
    var watch = false

    func validate() throws {
        guard !self.watch || self.format == .text else {
            throw ValidationError("--watch prints text: take --format away")
        }
    }

    func run() throws {
        let loaded = self.files.map { RunbookFile.loadToCheck($0, self.layers) }
        let isFine = Self.report(loaded, self.format, strict: self.strict)
        guard self.watch else {
            // With everything still in memory: what ends need not be taken apart.
            Glibc.exit((isFine ? ExitCode.success : ExitCode.answerIsNo).rawValue)
        }
        try FileWatch(self.files).forEachChange { changed in
            Terminal.say("")
            _ = Self.report(changed.map { RunbookFile.loadToCheck($0, self.layers) }, self.format, strict: self.strict)
        }
    }

    /// Prints what was found, and says whether there is nothing to answer for.
    static func report(_ loaded: [RunbookFile], _ format: Format, strict: Bool) -> Bool {
        let all = loaded.flatMap(\.diagnostics)
        switch format {
        case .text: self.printText(loaded)
        case .json: Terminal.output(JSON.array(all.map(\.json)).prettyText)
        case .sarif:
            let log = SARIF.log(
                all,
                files: loaded.flatMap(\.files),
                version: Selfheal.version,
                page: { DiagnosticPages.page($0) }
            )
            Terminal.output(log.prettyText)
        case .github:
            for diagnostic in all {
                Terminal.output(DiagnosticRenderer.githubAnnotation(diagnostic))
            }
        }
        return !(all.hasErrors || strict && !all.isEmpty)
    }

    private static func printText(_ loaded: [RunbookFile]) {
        let renderer = DiagnosticRenderer(
            files: loaded.flatMap(\.files),
            usesColour: Terminal.usesColour(on: STDOUT_FILENO),
            width: Terminal.breakingWidth(of: STDOUT_FILENO)
        )
        for runbook in loaded {
            if !runbook.diagnostics.isEmpty {
                Terminal.output(renderer.render(runbook.diagnostics))
            }
            let errors = runbook.diagnostics.count { $0.severity == .error }
            let warnings = runbook.diagnostics.count - errors
            let steps = runbook.configurationSummary ?? runbook.plan.map { "\($0.stateCount) steps, " } ?? ""
            Terminal.say(
                "\(runbook.file.path): \(steps)\(errors.counted("error")), \(warnings.counted("warning"))"
            )
        }
    }
}

extension Diagnostic {
    var json: JSON {
        var members = [
            JSONMember("code", .string("\(self.code)")),
            JSONMember("severity", .string(self.severity.rawValue)),
            JSONMember("message", .string(self.message)),
            JSONMember("span", self.span.json),
        ]
        let notes = self.notes.map { note in
            JSON.object([
                JSONMember("message", .string(note.message)), JSONMember("span", note.span.map(\.json) ?? .null),
            ])
        }
        members.append(JSONMember("notes", .array(notes)))
        members.append(JSONMember("help", self.help.map { .string($0) } ?? .null))
        return .object(members)
    }
}

extension SourceSpan {
    var json: JSON {
        .object([
            JSONMember("path", .string(self.path)),
            JSONMember("line", .int(Int64(self.start.line))), JSONMember("column", .int(Int64(self.start.column))),
            JSONMember("end_line", .int(Int64(self.end.line))), JSONMember("end_column", .int(Int64(self.end.column))),
        ])
    }
}
