// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookCompiler
import RunbookSource

/// Runbooks of any length.
enum GeneratedRunbook {
    /// Steps that do nothing, one after the other.
    static func trivial(steps: Int) -> String {
        var text = self.head("trivial_steps", "Do nothing, many times") + "steps:\n"
        for index in 0..<steps {
            text += """
                  - id: step_\(index)
                    run: { local: true, command: ["true"], effect: reads, repeat: safe }
                    timeout: 30s

                """
        }
        return text
    }

    /// Steps that do nothing on every node of a fleet, all at once.
    static func fleet(steps: Int, atOnce: Int) -> String {
        var text = self.head("fleet", "Do nothing, everywhere") + "targets: { fleet: { role: fleet } }\nsteps:\n"
        for index in 0..<steps {
            text += """
                  - id: step_\(index)
                    run: { targets: fleet, command: ["true"], effect: changes, batch: { size: \(atOnce) } }
                    timeout: 2m

                """
        }
        return text
    }

    /// Steps that say when they start and end, in a file that survives whoever runs them.
    ///
    /// A step that is in doubt is not done again: the run goes on with the next.
    static func ledger(steps: Int, milliseconds: Int) -> String {
        let fraction = String(milliseconds % 1_000 + 1_000).dropFirst()
        let pause = "\(milliseconds / 1_000).\(fraction)"
        var text = self.head("ledger", "Write a ledger")
        text += """
            parameters:
              ledger: { type: string }
            steps:

            """
        for index in 0..<steps {
            text += self.entry(
                "step_\(index)",
                "echo \"start \(index)\" >>\"$LEDGER\"; sleep \(pause); echo \"end \(index)\" >>\"$LEDGER\"",
                inDoubt: index + 1 < steps ? "step_\(index + 1)" : "last_line"
            )
        }
        return text + self.entry("last_line", "echo done >>\"$LEDGER\"", inDoubt: nil)
    }

    private static func head(_ name: String, _ title: String) -> String {
        """
        runbook: \(name)
        title: \(title)
        severity: info
        owner: benchmarks


        """
    }

    private static func entry(_ id: String, _ script: String, inDoubt next: String?) -> String {
        """
          - id: \(id)
            run:
              local: true
              script: '\(script)'
              env: { LEDGER: "${{ parameters.ledger }}" }
              effect: changes
            timeout: 30s
        \(next.map { "    if_in_doubt: \($0)\n" } ?? "")
        """
    }

    /// Parses, checks and compiles.
    ///
    /// - Throws: ``Refused`` with the first diagnostic: what is generated must be right.
    static func compile(_ text: String) throws -> Plan {
        let checked = CheckedRunbook(path: "generated.yaml", text: text)
        guard let plan = checked.plan else {
            throw Refused(checked.diagnostics)
        }
        return plan
    }

    struct Refused: Error, CustomStringConvertible {
        let description: String

        init(_ diagnostics: [Diagnostic]) {
            self.description = diagnostics.first?.message ?? "there is no plan, and no diagnostic either"
        }
    }
}
