// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Selfheal: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "selfheal",
        abstract: "Runbooks that are checked before they run, rehearsed in virtual time, and carried out step by step.",
        version: Selfheal.version,
        groupedSubcommands: [
            CommandGroup(
                name: "Runbooks",
                subcommands: [
                    Check.self, Eval.self, Explain.self, Graph.self, LSP.self, New.self, PlanCommand.self, Verify.self,
                    Simulate.self, TestCommand.self, Incidents.self,
                ]
            ),
            CommandGroup(name: "Runs", subcommands: [Run.self, Resume.self, Runs.self, Show.self, ReplayCommand.self]),
            CommandGroup(name: "The watch", subcommands: [Serve.self, Why.self, FreezeCommand.self, Unfreeze.self]),
            CommandGroup(
                name: "Surroundings",
                subcommands: [ConfigCommand.self, DoctorCommand.self, ProbeCommand.self]
            ),
            CommandGroup(name: "People", subcommands: [Approve.self, Deny.self, Cancel.self, Settle.self]),
            CommandGroup(name: "Practice", subcommands: [Lab.self]),
        ]
    )
}
