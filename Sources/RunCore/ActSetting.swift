// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
import RunVocabulary

extension Act {
    /// Around a command: who runs it, where, and with what.
    package struct Setting: Hashable, Sendable {
        /// The login's user without it.
        package var become: Become?
        /// Beside what a script has of its own.
        package var environment: [Variable]
        package var directory: String?
        /// What it reads, under a name that says nothing.
        package var input: Variable?

        package init(
            become: Become? = nil,
            environment: [Variable] = [],
            directory: String? = nil,
            input: Variable? = nil
        ) {
            self.become = become
            self.environment = environment
            self.directory = directory
            self.input = input
        }
    }

    /// The node as this act sees it: with the user that it becomes, or none.
    package func node(in inventory: Inventory) -> Node? {
        guard var node = self.target.flatMap({ inventory[$0] }) else {
            return nil
        }
        node.ssh?.become = self.setting.become
        return node
    }
}

extension ActRendering {
    /// What cannot be told, or the setting.
    enum SettingResult {
        case setting(Act.Setting)
        case refused(String)
    }

    static func setting(of action: PlanAction, on target: NodeName?, _ context: RunContext) -> SettingResult {
        guard case .run(let action) = action else {
            return .setting(Act.Setting())
        }
        return self.setting(of: action, on: target, context)
    }

    private static func setting(of action: RunAction, on target: NodeName?, _ context: RunContext) -> SettingResult {
        let extra = target.map { ["target": NodeValue.value(of: $0, in: context)] } ?? [:]
        var setting = Act.Setting(become: self.become(action, on: target, context))
        for template in action.environment ?? [] {
            guard let variable = context.variable(template.name, template.value, with: extra) else {
                return .refused("the value of '\(template.name)' cannot be told")
            }
            setting.environment.append(variable)
        }
        if let template = action.directory {
            guard let directory = context.exactText(of: template, with: extra) else {
                return .refused("the directory cannot be told")
            }
            guard directory.hasPrefix("/") else {
                return .refused("the directory '\(directory)' is not an absolute path")
            }
            setting.directory = directory
        }
        if let template = action.input {
            guard let input = context.variable("stdin", template, with: extra) else {
                return .refused("the standard input cannot be told")
            }
            setting.input = input
        }
        return .setting(setting)
    }

    /// A node's default is for commands and scripts: how a service is commanded is the configuration's whole business.
    private static func become(_ action: RunAction, on target: NodeName?, _ context: RunContext) -> Become? {
        switch (action.become, action.command) {
        case (.user(let become), _): become
        case (.some(.none), _), (nil, .service): nil
        case (nil, .command), (nil, .script): target.flatMap { context.binding.inventory[$0]?.ssh?.become }
        }
    }
}
