// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
package import RunPlan
package import RunbookLanguage
package import RunbookSource

/// A monitor's probe and condition, checked as those of a runbook are.
///
/// Expressions see `result`, which is what the probe found, and `target`, the node, of which only what the inventory says is known.
package struct CheckedMonitor: Sendable {
    package let probe: ProbeSpecification
    package let healthy: Expression?

    /// Nothing comes of a monitor with a mistake in it.
    package static func check(_ syntax: MonitorSyntax) -> (monitor: CheckedMonitor?, diagnostics: [Diagnostic]) {
        guard let kind = syntax.probe else {
            return (nil, [])
        }
        var compiler = RunbookCompiler(
            syntax: RunbookSyntax(name: Spanned("monitor", at: syntax.method?.span ?? SourceSpan.wholeFile(""))),
            path: "",
            loader: .none
        )
        let types = TypeScope(steps: compiler.environment.steps).with(.target)
        let scope = RegionScope(types: types, indices: [:], count: 0, role: .main)
        let probe = compiler.specification(kind, scope)
        let result = types.adding(["result": syntax.probe.resultType])
        let healthy = syntax.healthy.flatMap { compiler.expression($0, expecting: .bool, in: result) }
        guard let probe, syntax.healthy == nil || healthy != nil, !compiler.diagnostics.hasErrors else {
            return (nil, compiler.diagnostics)
        }
        return (CheckedMonitor(probe: probe, healthy: healthy), compiler.diagnostics)
    }
}
