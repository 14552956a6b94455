// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunVerifier
import RunVocabulary
import RunbookCompiler
import RunbookSource

/// A runbook's text, and what the verifier says of it.
struct Prover {
    struct Faulty: Error, CustomStringConvertible {
        let description: String
    }

    var nodes: [String: Int] = [:]
    /// What is said of parameters; the others have their defaults.
    var parameters: [String: Fact] = [:]
    var assumptions: Assumptions

    init(
        faults: Int = 0,
        lies: Int = 0,
        crashes: Int = 0,
        cancels: Int = 0,
        nodes: [String: Int] = [:],
        begin: [String: [Assumptions.Beginning]] = [:],
        isReduced: Bool = true
    ) {
        self.nodes = nodes
        self.assumptions = Assumptions()
        self.assumptions.faults = faults
        self.assumptions.lies = lies
        self.assumptions.crashes = crashes
        self.assumptions.cancels = cancels
        self.assumptions.begin = begin
        self.assumptions.isReduced = isReduced
    }

    static func plan(_ text: String) throws -> Plan {
        let file = SourceFile(path: "runbook.yaml", text: text)
        let checked = CheckedRunbook(file)
        guard let plan = checked.plan else {
            throw Faulty(description: DiagnosticRenderer(files: [file]).render(checked.diagnostics))
        }
        return plan
    }

    static func shipped(_ name: String) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "runbooks/\(name).yaml"), encoding: .utf8)
    }

    func verification(of text: String) throws -> Verification {
        try self.verification(of: Self.plan(text))
    }

    func verification(of plan: Plan) throws -> Verification {
        var parameters: [String: Fact] = [:]
        for parameter in plan.parameters {
            parameters[parameter.name] =
                self.parameters[parameter.name] ?? parameter.defaultValue ?? .string("zk1")
        }
        let inventory = PretendInventory.make(for: plan, parameters: parameters, counts: self.nodes)
        return try Verification(plan, parameters: parameters, inventory: inventory, assumptions: self.assumptions)
    }

    func report(on text: String) throws -> VerificationReport {
        let verification = try self.verification(of: text)
        return VerificationReport(verification, verification.explore())
    }

    func report(on plan: Plan) throws -> VerificationReport {
        let verification = try self.verification(of: plan)
        return VerificationReport(verification, verification.explore())
    }

    /// A runbook over one ensemble, of which nothing is said but its steps.
    static func runbook(_ steps: String, properties: String = "", head: String = "") -> String {
        """
        runbook: sample
        title: A sample
        targets:
          ensemble: { role: zookeeper }
        \(head)
        \(properties.isEmpty ? "" : "properties:\n\(properties)")
        steps:
        \(steps)
        on_failure:
          - id: tell
            notify: { channels: [oncall], severity: critical, message: failed }
        """
    }
}

extension VerificationReport {
    /// The texts of the properties that do not hold.
    var violated: [String] {
        self.items.compactMap { if case .violated = $0.verdict { $0.text } else { nil } }
    }

    func trace(of text: String) -> Trace? {
        for item in self.items where item.text == text {
            if case .violated(_, let trace) = item.verdict {
                return trace
            }
        }
        return nil
    }

    /// Every trace was carried out again by a fresh machine and came to the same finding.
    var areTracesReal: Bool {
        self.items.allSatisfy { item in
            guard case .violated(_, let trace?) = item.verdict else {
                return true
            }
            return trace.isFaithful && trace.isConfirmed && trace.lines.count < Trace.lineLimit
        }
    }
}
