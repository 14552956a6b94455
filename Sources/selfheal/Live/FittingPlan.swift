// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunCore
import RunPlan
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import SelfhealEngine

/// A runbook with a plan, and the parameters and the configuration that it is to run with.
struct FittingPlan {
    let binding: RunBinding
    let preview: PlanPreview

    /// Binds the runbook, and ends with status 2 and all that does not fit before anything is started.
    static func load(
        _ path: String,
        run: RunID,
        parameters: [String],
        secretFiles: [String] = [],
        _ configuration: SelfhealConfiguration,
        incomplete: [IncompleteChannel] = []
    ) throws -> FittingPlan {
        let loaded = RunbookFile.load(path)
        guard let written = loaded.plan else {
            Terminal.say(DiagnosticRenderer(files: loaded.files).render(loaded.diagnostics))
            throw loaded.failure
        }
        let plan = try self.settle(written, by: configuration)
        let requester = UnixUser.current ?? "unknown"
        let desk = OperatorDesk(configuration: configuration)
        let binding = RunBinding(
            run: run,
            plan: plan,
            parameters: try ParameterValues.read(parameters, for: plan),
            inventory: configuration.inventory,
            requestedBy: desk.person(unixUser: requester)?.name ?? PersonName(requester),
            requesterMayApprove: configuration.requesterMayApprove,
            secrets: try ParameterValues.secrets(parameters, files: secretFiles, for: plan)
        )
        let preview = PlanPreview(of: binding)
        try self.expectFit(preview, of: binding, in: loaded, configuration, incomplete: incomplete)
        return FittingPlan(binding: binding, preview: preview)
    }

    /// The plan with the settings of the configuration, or status 2 and what is wrong with them.
    static func settle(_ plan: Plan, by configuration: SelfhealConfiguration) throws -> Plan {
        let settled = SettledPlan(plan, by: configuration)
        if !settled.diagnostics.isEmpty {
            let files = Set(settled.diagnostics.map(\.span.path)).compactMap { path -> SourceFile? in
                guard case .success(let bytes) = TextFile.read(path) else {
                    return nil
                }
                return SourceFile(path: path, text: String(decoding: bytes, as: UTF8.self))
            }
            let usesColour = Terminal.usesColour(on: STDERR_FILENO)
            Terminal.say(DiagnosticRenderer(files: files, usesColour: usesColour).render(settled.diagnostics))
        }
        guard !settled.diagnostics.hasErrors else {
            Terminal.say("nothing was started")
            throw ExitCode.askedWrongly
        }
        return settled.plan
    }

    /// The same for a plan that nobody starts now: its parameters have their defaults, and what an alert's label will say is not known yet.
    static func expectFit(
        of plan: Plan,
        in runbook: RunbookFile,
        requestedBy requester: PersonName,
        _ configuration: SelfhealConfiguration
    ) throws {
        let defaults = plan.parameters.compactMap { parameter in parameter.defaultValue.map { (parameter.name, $0) } }
        let binding = RunBinding(
            run: "none",
            plan: plan,
            parameters: Dictionary(defaults) { first, _ in first },
            inventory: configuration.inventory,
            requestedBy: requester,
            requesterMayApprove: configuration.requesterMayApprove
        )
        try self.expectFit(PlanPreview(of: binding), of: binding, in: runbook, configuration)
    }

    private static func expectFit(
        _ preview: PlanPreview,
        of binding: RunBinding,
        in runbook: RunbookFile,
        _ configuration: SelfhealConfiguration,
        incomplete: [IncompleteChannel] = []
    ) throws {
        let fit = PlanFit(
            preview,
            of: binding,
            people: configuration.people,
            channels: configuration.channels.map(\.name) + incomplete.map(\.name)
        )
        let diagnostics = fit.misfits.map { Diagnostic($0, in: runbook) }.inSourceOrder()
        if !diagnostics.isEmpty {
            let usesColour = Terminal.usesColour(on: STDERR_FILENO)
            Terminal.say(DiagnosticRenderer(files: runbook.files, usesColour: usesColour).render(diagnostics))
        }
        guard !diagnostics.hasErrors else {
            Terminal.say("nothing was started")
            throw ExitCode.askedWrongly
        }
    }
}

extension Diagnostic {
    fileprivate init(_ misfit: Misfit, in runbook: RunbookFile) {
        let selection = misfit.selection.flatMap { runbook.selections[$0] }
        let place = misfit.place.map { runbook.file.firstWord(at: $0) }
        self.init(
            code: Code(530),
            severity: misfit.isWarning ? .warning : .error,
            message: misfit.message,
            span: place ?? selection ?? .wholeFile(runbook.file.path),
            help: misfit.help
        )
    }
}

extension SourceFile {
    /// From a place to the end of its line's text.
    fileprivate func firstWord(at place: Place) -> SourceSpan {
        let line = self.utf8Range(ofLine: place.line)
        let start = min(
            self.utf8Offset(ofScalar: self.scalarIndex(atUTF8Offset: line.lowerBound) + place.column - 1),
            line.upperBound
        )
        return self.span(utf8Range: start..<line.upperBound)
    }
}
