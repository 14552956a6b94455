// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookCompiler
import RunbookSource

/// The parameters of a rehearsed run: those given, else the scenario's, else the runbook's defaults.
enum RehearsalParameters {
    static func resolve(
        _ plan: Plan,
        _ scenario: Scenario,
        given: [String: String]
    ) -> (parameters: [String: Fact]?, diagnostics: [Diagnostic]) {
        var diagnostics: [Diagnostic] = []
        let names = plan.parameters.map(\.name)
        let asked = scenario.parameters.map { ($0.name, $0.span) }
        for (name, span) in asked + given.keys.sorted().map({ ($0, scenario.span) }) where !names.contains(name) {
            let help = DidYouMean.help(for: name, among: names) ?? "it has \(names.joined(separator: ", "))"
            let problem = "runbook '\(plan.runbook)' has no parameter '\(name)'"
            diagnostics.append(.rehearsalParameter(problem, at: span, help: names.isEmpty ? nil : help))
        }
        var parameters: [String: Fact] = [:]
        for parameter in plan.parameters where parameter.kind != .secret {
            let listed = scenario.parameters.last { $0.name == parameter.name }
            guard let text = given[parameter.name] ?? listed?.text else {
                parameters[parameter.name] = parameter.defaultValue
                if parameter.defaultValue == nil {
                    let problem = "parameter '\(parameter.name)' of '\(plan.runbook)' is not given and has no default"
                    let help = "add it under 'parameters:'"
                    diagnostics.append(.rehearsalParameter(problem, at: scenario.span, help: help))
                }
                continue
            }
            parameters[parameter.name] = ParameterText.fact(text, of: parameter.kind)
            if parameters[parameter.name] == nil {
                let problem = "'\(text)' is no value of parameter '\(parameter.name)'"
                let span = given[parameter.name] == nil ? listed?.span : nil
                let help = "it is \(parameter.kind.example)"
                diagnostics.append(.rehearsalParameter(problem, at: span ?? scenario.span, help: help))
            }
        }
        return (diagnostics.hasErrors ? nil : parameters, diagnostics)
    }
}
