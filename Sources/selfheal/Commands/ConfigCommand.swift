// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunVocabulary
import RunbookSource
import SelfhealConfiguration

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check the configuration, or show what its files amount to.",
        subcommands: [ConfigCheck.self, ConfigShow.self]
    )
}

struct ConfigCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Find every mistake in the configuration, in what it includes and in what lies upon it.",
        discussion: """
            Channels whose secrets are not to be had here are named, and are no mistake. No host is reached. \
            Exit status: 0 when there is no error, 1 when there is one, 2 when there is no configuration.
            """
    )

    @OptionGroup var files: ConfigurationOption

    @Option(help: "How diagnostics are printed.")
    var format = Check.Format.text

    @Flag(help: "Treat warnings as errors.")
    var strict = false

    func run() throws {
        let loaded = ServiceFiles.withMaintenanceChecked(
            try self.files.loadFiles(leavingOutIncompleteChannels: true)
        )
        guard let file = loaded.files.first else {
            throw ExitCode.weFailed
        }
        let checked = RunbookFile.of(loaded, file)
        guard Check.report([checked], self.format, strict: self.strict) else {
            throw ExitCode.answerIsNo
        }
    }
}

struct ConfigShow: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case yaml
        case json
    }

    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Print the configuration that its files amount to, and where each value comes from.",
        discussion: """
            Secrets are masked, and so is all that could be one. What is wrong is said on standard error; what can be shown is shown \
            nevertheless. Exit status: 0 when there is no error, 1 when there is one, 2 when there is no configuration.
            """
    )

    @OptionGroup var files: ConfigurationOption

    @Flag(help: "Add what nobody wrote and is so by default.")
    var effective = false

    @Option(help: "How it is printed.")
    var format = Format.yaml

    func run() throws {
        let loaded = try self.files.loadFiles(leavingOutIncompleteChannels: true)
        if !loaded.diagnostics.isEmpty {
            let usesColour = Terminal.usesColour(on: STDERR_FILENO)
            Terminal.say(DiagnosticRenderer(files: loaded.files, usesColour: usesColour).render(loaded.diagnostics))
        }
        if let shown = EffectiveConfiguration(loaded, withDefaults: self.effective) {
            switch self.format {
            case .yaml: Terminal.output(shown.yaml)
            case .json: Terminal.output(shown.json(of: loaded).prettyText)
            }
        }
        guard loaded.configuration != nil else {
            throw ExitCode.answerIsNo
        }
    }
}
