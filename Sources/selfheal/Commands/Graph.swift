// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunPlan
import RunbookSource
import Subprocess

struct Graph: AsyncParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case mermaid
        case dot
        case svg
    }

    static let configuration = CommandConfiguration(
        abstract: "Draw a runbook as the state machine it becomes.",
        discussion: "'svg' is drawn by Graphviz (Debian package: graphviz)."
    )

    @Argument(help: "The runbook's file.")
    var file: String

    @Option(help: "The language of the drawing.")
    var format = Format.mermaid

    /// Graphviz needs seconds for thousands of steps, and nobody looks at such a drawing.
    private static let stepLimit = 2_000
    private static let sizeLimit = 64 << 20

    func run() async throws {
        let plan = try RunbookFile.loadOrExit(self.file)
        let drawing = PlanDrawing(of: plan)
        switch self.format {
        case .mermaid: Terminal.output(MermaidDrawing(of: drawing).text)
        case .dot: Terminal.output(DOTDrawing(of: drawing).text)
        case .svg: try await self.drawSVG(DOTDrawing(of: drawing).text, of: plan)
        }
    }

    private func drawSVG(_ text: String, of plan: Plan) async throws {
        let count = plan.regions.reduce(0) { $0 + $1.states.count }
        guard count <= Self.stepLimit else {
            Terminal.say("\(count) steps are too many to draw; at most \(Self.stepLimit)")
            throw ExitCode.answerIsNo
        }
        do {
            let result = try await Subprocess.run(
                .name("dot"),
                arguments: ["-Tsvg"],
                input: .string(text),
                output: .string(limit: Self.sizeLimit),
                error: .string(limit: 64 << 10)
            )
            guard result.terminationStatus.isSuccess else {
                Terminal.say("Graphviz failed (\(result.terminationStatus)): \(result.standardError)")
                throw ExitCode.weFailed
            }
            Terminal.write(result.standardOutput, to: STDOUT_FILENO)
        } catch let error as SubprocessError where error.code == .executableNotFound {
            Terminal.say("Graphviz is not installed: apt-get install graphviz, or take '--format dot'")
            throw ExitCode.weFailed
        }
    }
}

extension RunbookFile {
    /// The plan, or the diagnostics on standard error and exit status 1.
    static func loadOrExit(_ path: String) throws -> Plan {
        let loaded = self.load(path)
        guard let plan = loaded.plan else {
            Terminal.say(DiagnosticRenderer(files: loaded.files).render(loaded.diagnostics))
            throw loaded.failure
        }
        return plan
    }
}
