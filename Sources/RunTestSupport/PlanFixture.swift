// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary
import RunbookCompiler
import RunbookLanguage
import RunbookSource

/// A runbook and an inventory, from text to what a run is started with.
package enum PlanFixture {
    package struct Faulty: Error, CustomStringConvertible {
        package let description: String
    }

    /// The plan of a runbook that must be without a mistake; an expert may warn of it.
    ///
    /// The runbooks that it calls are given by the path at which they are looked for.
    package static func plan(_ text: String, calling others: [String: String] = [:]) throws -> Plan {
        let file = SourceFile(path: "runbook.yaml", text: text)
        let loader = RunbookLoader { path in others[path].map { SourceFile(path: path, text: $0) } }
        let checked = CheckedRunbook(file, loader: loader)
        guard let plan = checked.plan else {
            throw Faulty(description: DiagnosticRenderer(files: [file]).render(checked.diagnostics))
        }
        return plan
    }

    /// `n1`, `n2` … in the role `node`, each with the service `app` and the port `app`.
    package static func inventory(nodes count: Int = 3) -> Inventory {
        let nodes = (1...count).map { number in
            var node = Node(name: NodeName("n\(number)"), host: "127.0.0.\(number)", roles: ["node"])
            node.ports = ["app": 7_000]
            node.monitor = .tcp(port: "app")
            return node
        }
        let commands = ["start", "stop", "restart", "status"].map { ($0, ["service", "app", $0]) }
        return Inventory(
            clusterName: "test",
            clusterID: "",
            nodes: nodes,
            services: [Service(name: "app", commands: Dictionary(uniqueKeysWithValues: commands))]
        )
    }

    package static func binding(
        _ text: String,
        run: RunID = "run-1",
        nodes: Int = 3,
        requestedBy: PersonName = "requester",
        calling others: [String: String] = [:],
        secrets: [String: SecretReference]? = nil
    ) throws -> RunBinding {
        RunBinding(
            run: run,
            plan: try self.plan(text, calling: others),
            parameters: [:],
            inventory: self.inventory(nodes: nodes),
            requestedBy: requestedBy,
            secrets: secrets
        )
    }
}
