// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterWatch
import Glibc
import RunCore
import RunPlan
import RunVocabulary
import SelfhealConfiguration

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract:
            "Show what a runbook would do on this cluster: every command for every host, approvals, best and worst time.",
        discussion:
            "Nothing is looked at and nothing is done. What only a probe can tell is shown as its expression and a bound."
    )

    /// How much of an expression or a script fits on a line, with what stands before it.
    fileprivate static let room = max(60, Terminal.width(of: STDOUT_FILENO) - 30)

    @Argument(help: "The runbook's file.")
    var file: String

    @OptionGroup var configuration: ConfigurationOption

    @Option(name: .customLong("param"), help: "A parameter, as name=value; may be given several times.")
    var parameters: [String] = []

    @Option(help: "How it is printed.")
    var format = OutputFormat.text

    func run() async throws {
        let (configuration, incomplete) = try self.configuration.loadWithIncompleteChannels()
        let fitting = try FittingPlan.load(
            self.file,
            run: RunID("plan"),
            parameters: self.parameters,
            configuration,
            incomplete: incomplete
        )
        switch self.format {
        case .text: self.printText(fitting.preview, fitting.binding, configuration.watch.touch)
        case .json:
            let limits = self.limits(of: fitting.preview, fitting.binding, configuration.watch.touch)
            Terminal.output(fitting.preview.json(fitting.binding.plan, limits).prettyText)
        }
    }

    private func printText(_ preview: PlanPreview, _ binding: RunBinding, _ limits: TouchLimits) {
        let plan = binding.plan
        Terminal.output("\(plan.runbook): \(plan.title)")
        Terminal.output("cluster \(binding.inventory.clusterName), plan \(plan.digest)")
        for setting in plan.settings ?? [] {
            Terminal.output("setting \(setting.name): \(setting.value.text)")
        }
        Terminal.output("")
        for (index, step) in preview.steps.enumerated() {
            let isOther = index > 0 && plan[step.region].role != plan[preview.steps[index - 1].region].role
            if let title = plan[step.region].role.title, isOther {
                Terminal.output("\n\(title)")
            }
            let indent = String(repeating: "    ", count: step.depth)
            Terminal.output("\(indent)\(step.heading)")
            for line in step.details + step.routes(in: plan) {
                Terminal.output("\(indent)    \(line)")
            }
        }
        Terminal.output("")
        let gates = preview.steps.compactMap { step -> String? in
            guard case .approve(let action) = step.state.action else {
                return nil
            }
            return "\(step.state.step): \(action.needed) of \(action.from.map(\.text).joined(separator: ", "))"
        }
        Terminal.output("approvals: \(gates.isEmpty ? "none" : gates.joined(separator: "; "))")
        if let text = limits.text {
            let excess = self.excess(of: preview, binding, limits)
            let stop = excess.map { "; '\($0.step)' stops at \($0.node): \($0.reason)" } ?? ""
            Terminal.output("limits: \(text)\(stop)")
        }
        let dominating = preview.dominating.map { ", most of it in '\($0)'" } ?? ""
        let why = plan.deadline.map { $0 < preview.worst ? " (\($0) is its deadline)" : "" } ?? ""
        Terminal.output("worst time: \(preview.longest)\(why)\(dominating)")
    }
}

extension PlanCommand {
    private struct Excess {
        let step: StepName
        let node: NodeName
        let reason: String
    }

    /// What no runbook can switch off, and the first target that it would stop; `null` where there is none.
    private func limits(of preview: PlanPreview, _ binding: RunBinding, _ limits: TouchLimits) -> JSON {
        let number = { (limit: Int?) in limit.map { JSON.int(Int64($0)) } ?? .null }
        let excess = self.excess(of: preview, binding, limits).map { excess in
            JSON.object([
                JSONMember("step", .string(excess.step.text)), JSONMember("target", .string(excess.node.text)),
                JSONMember("reason", .string(excess.reason)),
            ])
        }
        return .object([
            JSONMember("targets_per_run", number(limits.perRun)),
            JSONMember("targets_per_failure_domain", number(limits.perDomain)),
            JSONMember("stops_at", excess ?? .null),
        ])
    }

    /// What the limits would stop, as far as it can be told now: targets that are certain, in their order.
    private func excess(of preview: PlanPreview, _ binding: RunBinding, _ limits: TouchLimits) -> Excess? {
        var touched: Set<NodeName> = []
        for step in preview.steps where step.state.action.acting?.effect.changesTheWorld ?? false {
            guard case .nodes(let nodes) = step.targets else {
                continue
            }
            for node in nodes where !touched.contains(node) {
                if let reason = limits.refusal(of: node, after: touched, in: binding.inventory) {
                    return Excess(step: step.state.step, node: node, reason: reason)
                }
                touched.insert(node)
            }
        }
        return nil
    }
}

extension PlanPreview.Step {
    var heading: String {
        let effect: String
        switch self.state.action {
        case .run, .request:
            let kind = self.state.action.acting?.effect ?? .changes
            effect = kind.changesTheWorld ? "  CHANGES: \(kind.rawValue)" : "  reads"
        case .probe, .wait: effect = "  reads"
        case .call(let action): effect = "  of \(action.runbook)"
        case .parallel(let action):
            let needed = action.join.needed(of: action.branches.count)
            effect = "  \(needed) of \(action.branches.map(\.name).joined(separator: ", "))"
        case .approve, .notify, .choose, .forEach, .set, .pause, .finish: effect = ""
        }
        let time = self.worst == .zero ? "" : "  at most \(self.worst)"
        let title = self.state.title.map { "  \($0)" } ?? ""
        return "\(self.state.step) (\(self.state.action.verb), line \(self.state.place.line))\(effect)\(time)\(title)"
    }

    var details: [String] {
        var lines: [String] = []
        if self.isUndo {
            lines.append("undoes  it, when the run fails and what it did is undone")
        }
        if let when = self.state.when {
            lines.append("when    \(when.text.shortened(to: PlanCommand.room))")
        }
        switch self.targets {
        case .nodes(let nodes):
            if self.commands.isEmpty {
                lines.append(
                    "on      \(nodes.isEmpty ? "no node: refused" : nodes.map(\.text).joined(separator: ", "))"
                )
            }
        case .computed(let expression, let most, _):
            lines.append("on      \(expression.shortened(to: PlanCommand.room)), at most \(most.counted("node"))")
            for command in self.possible {
                let who = command.targets.map(\.text).joined(separator: ", ")
                lines.append(
                    "send    \(who), if it is among them: \(command.command.text.shortened(to: PlanCommand.room))"
                )
            }
            if case .run(let action) = self.state.action, self.possible.isEmpty {
                lines.append("send    \(action.command.text)")
            }
        case nil: break
        }
        for command in self.commands {
            lines.append("send    \(command.target?.text ?? "this machine"): \(command.command.text)")
        }
        if case .run(let action) = self.state.action, (self.targets?.most ?? 0) > 1 {
            let alone = self.state.require == nil || action.batch.size == .number(1)
            lines.append("rolls   \(action.batch.summary)\(alone ? "" : "; one at a time, because of 'require'")")
        }
        if let require = self.state.require {
            lines.append("only if \(require.text.shortened(to: PlanCommand.room))")
        }
        if case .approve(let action) = self.state.action {
            let who = action.from.map(\.text).joined(separator: ", ")
            lines.append(
                "asks    \(action.needed) of \(who), silence after \(action.timeout) is \(action.onTimeout.rawValue)"
            )
        }
        if case .notify(let action) = self.state.action {
            lines.append("tells   \(action.channels.joined(separator: ", "))")
        }
        return lines
    }
}

extension PlanPreview.Step {
    /// Where it goes on, unless that is the next step.
    func routes(in plan: Plan) -> [String] {
        func name(_ destination: Destination) -> String {
            switch destination {
            case .state(let index): plan[self.region].states[index].step.text
            case .end: "the end"
            case .fail: "the run fails"
            }
        }
        var lines: [String] = []
        if case .choose(let action) = self.state.action {
            lines += action.branches.map {
                "->      \(name($0.next))  if \($0.when.text.shortened(to: PlanCommand.room))"
            }
            lines.append("->      \(name(action.otherwise))  otherwise")
            if let unknown = action.ifUnknown {
                lines.append("->      \(name(unknown))  if it cannot be known")
            }
        }
        let routes = self.state.routes
        let others = [
            ("refused", routes.refused), ("timed out", routes.timedOut), ("failed", routes.failed),
            ("in doubt", routes.inDoubt ?? .fail),
        ].filter { $0.1 != .fail && $0.1 != routes.succeeded }
        var shown: [Destination] = []
        for (_, destination) in others where !shown.contains(destination) {
            shown.append(destination)
            let causes = others.filter { $0.1 == destination }.map(\.0).joined(separator: ", ")
            lines.append("->      \(name(destination))  if \(causes)")
        }
        return lines
    }
}

extension RegionRole {
    /// What stands above the steps that are not walked in their turn.
    fileprivate var title: String? {
        switch self {
        case .main, .loop, .branch, .called, .undo: nil
        case .onFailure: "on_failure: if the run fails"
        case .finally: "finally: however the run ends"
        }
    }
}

extension CommandSpecification {
    /// What is sent, before it is known to whom.
    var text: String {
        switch self {
        case .service(let name, let verb): "\(verb.rawValue) \(name), by the command of each host"
        case .command(let words): words.map(\.text).joined(separator: " ")
        case .script(let text, _): "script: \(text.shortened(to: PlanCommand.room))"
        }
    }
}

extension PlanPreview {
    func json(_ plan: Plan, _ limits: JSON) -> JSON {
        let steps = self.steps.map { step -> JSON in
            let commands = step.commands.map { command in
                JSON.object([
                    JSONMember("target", command.target.map { .string($0.text) } ?? .null),
                    JSONMember("command", .string(command.command.text)),
                ])
            }
            var members = [
                JSONMember("step", .string(step.state.step.text)), JSONMember("verb", .string(step.state.action.verb)),
                JSONMember("line", .int(Int64(step.state.place.line))), JSONMember("depth", .int(Int64(step.depth))),
                JSONMember("best_ms", .int(step.best.count)), JSONMember("worst_ms", .int(step.worst.count)),
                JSONMember("commands", .array(commands)),
            ]
            members.append(JSONMember("region", .string(plan[step.region].role.rawValue)))
            if let action = step.state.action.acting {
                members.append(JSONMember("effect", .string(action.effect.rawValue)))
            }
            switch step.targets {
            case .nodes(let nodes): members.append(JSONMember("targets", .array(nodes.map { .string($0.text) })))
            case .computed(let expression, let most, let candidates):
                members.append(JSONMember("targets_among", .array(candidates.map { .string($0.text) })))
                members.append(JSONMember("targets_expression", .string(expression)))
                members.append(JSONMember("targets_at_most", .int(Int64(most))))
            case nil: break
            }
            return .object(members)
        }
        return .object([
            JSONMember("runbook", .string(plan.runbook)), JSONMember("digest", .string(plan.digest)),
            JSONMember("worst_ms", .int(self.longest.count)),
            JSONMember("dominating_step", self.dominating.map { .string($0.text) } ?? .null),
            JSONMember("limits", limits), JSONMember("steps", .array(steps)),
        ])
    }
}
