// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunCore
import RunPlan
import RunVocabulary
import RunbookCompiler
import SelfhealConfiguration
import SelfhealEngine

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Carry out a runbook in the foreground.",
        discussion: """
            Progress goes to standard error; the run's id and outcome to standard output. Ctrl-C cancels: what is in flight is stopped first.
            Exit status: 0 when the run succeeded or was not needed, 1 when it came out otherwise, 2 when it was asked wrongly, 3 when we failed.
            """
    )

    @Argument(help: "The runbook's file.")
    var file: String

    @OptionGroup var configuration: ConfigurationOption

    @Option(name: .customLong("param"), help: "A parameter, as name=value; may be given several times.")
    var parameters: [String] = []

    @Option(
        name: .customLong("param-file"),
        help: "A secret parameter, as name=path of the file it is in; may be given several times."
    )
    var parameterFiles: [String] = []

    @Flag(help: "Probe, print what would be done, and stop where an act's result is needed. Nothing is changed.")
    var dryRun = false

    @Flag(help: "Print no progress.")
    var quiet = false

    @Flag(help: "Start it although another run of the same runbook has not ended, or left something in doubt.")
    var anyway = false

    func run() async throws {
        let configuration = try self.configuration.load()
        let binding = try FittingPlan.load(
            self.file,
            run: RunNaming.fresh(),
            parameters: self.parameters,
            secretFiles: self.parameterFiles,
            configuration
        ).binding
        if self.dryRun {
            await StoreStanding(configuration: configuration).mentionFreeze()
            try await DryRun(binding: binding).run()
            return
        }
        let session = try await LiveSession.open(configuration, isQuiet: self.quiet)
        if !self.anyway {
            try await session.refuseSecond(of: binding.plan.runbook)
        }
        try await session.begin(binding, source: self.file)
        try await session.finish(binding.run, despiteDoubt: self.anyway)
    }
}

struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Go on with a run whose engine ended.",
        discussion:
            "What was in flight is found out first: by its receipt on the target, else by the step's 'verify', else by a person."
    )

    @Argument(help: "The run, or the beginning of its id; without it, the one that has not ended.")
    var run: String?

    @OptionGroup var configuration: ConfigurationOption

    @Flag(help: "Print no progress.")
    var quiet = false

    func run() async throws {
        let configuration = try self.configuration.load()
        let session = try await LiveSession.open(configuration, isQuiet: self.quiet)
        let run = try await session.runToResume(self.run)
        try await session.finish(run)
    }
}

enum RunNaming {
    private static let letters = Array("abcdefghjkmnpqrstuvwxyz23456789")

    /// `20261121-034210-x7k2`: sorts by time, is easy to read aloud, and differs from every other.
    static func fresh() -> RunID {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        func padded(_ number: Int32, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let day = padded(parts.tm_year + 1_900, 4) + padded(parts.tm_mon + 1, 2) + padded(parts.tm_mday, 2)
        let clock = padded(parts.tm_hour, 2) + padded(parts.tm_min, 2) + padded(parts.tm_sec, 2)
        let tail = String((0..<4).map { _ in self.letters.randomElement() ?? "x" })
        return RunID("\(day)-\(clock)-\(tail)")
    }
}

/// `--setting name=value`, for commands that read no configuration.
enum SettingValues {
    /// The plan with these settings, or status 2 and what is wrong with them.
    static func settle(_ plan: Plan, _ given: [String]) throws -> Plan {
        var settled = plan
        let known = Set(plan.allSettings.map(\.setting.name)).sorted()
        var values: [String: String] = [:]
        for text in given {
            guard let equals = text.firstIndex(of: "=") else {
                try ParameterValues.refuse("'\(text)' is no setting; write --setting name=value")
            }
            let name = String(text[..<equals])
            guard known.contains(name) else {
                let all = known.isEmpty ? "none" : known.joined(separator: ", ")
                try ParameterValues.refuse("'\(plan.runbook)' has no setting '\(name)'; it has \(all)")
            }
            values[name] = String(text[text.index(after: equals)...])
        }
        if let misfit = settled.settle(values).first {
            let kind = misfit.setting.kind.example
            try ParameterValues.refuse("'\(misfit.text)' is no value of '\(misfit.setting.name)': it is \(kind)")
        }
        return settled
    }
}

enum ParameterValues {
    /// Every parameter with the value given, else its default.
    static func read(_ given: [String], for plan: Plan) throws -> [String: Fact] {
        var values: [String: Fact] = [:]
        for text in given {
            guard let equals = text.firstIndex(of: "=") else {
                try self.refuse("'\(text)' is no parameter; write --param name=value")
            }
            let name = String(text[..<equals])
            let value = String(text[text.index(after: equals)...])
            guard let parameter = plan.parameters.first(where: { $0.name == name }) else {
                let known = plan.parameters.map(\.name).joined(separator: ", ")
                try self.refuse(
                    "'\(plan.runbook)' has no parameter '\(name)'; it has \(known.isEmpty ? "none" : known)"
                )
            }
            if parameter.kind == .secret {
                continue
            }
            guard let fact = ParameterText.fact(value, of: parameter.kind) else {
                try self.refuse("'\(value)' is no value of '\(name)': it is \(parameter.kind.example)")
            }
            values[name] = fact
        }
        for parameter in plan.parameters where values[parameter.name] == nil && parameter.kind != .secret {
            guard let value = parameter.defaultValue else {
                try self.refuse("the parameter '\(parameter.name)' must be given: --param \(parameter.name)=…")
            }
            values[parameter.name] = value
        }
        return values
    }

    /// Where each secret parameter is found; the secrets themselves are given by no option, because everyone can see those.
    static func secrets(
        _ given: [String],
        files: [String],
        for plan: Plan
    ) throws -> [String: SecretReference]? {
        var references: [String: SecretReference] = [:]
        let secrets = plan.parameters.filter { $0.kind == .secret }.map(\.name)
        for text in files {
            guard let equals = text.firstIndex(of: "="), text.index(after: equals) < text.endIndex else {
                try self.refuse("'\(text)' names no file; write --param-file name=path")
            }
            let name = String(text[..<equals])
            guard secrets.contains(name) else {
                try self.refuse("'\(plan.runbook)' has no secret parameter '\(name)'")
            }
            references[name] = .file(self.whole(String(text[text.index(after: equals)...])))
        }
        for text in given {
            guard let equals = text.firstIndex(of: "="), secrets.contains(String(text[..<equals])) else {
                continue
            }
            let name = String(text[..<equals])
            guard let reference = SecretReference(text: String(text[text.index(after: equals)...])) else {
                try self.refuse(
                    "'\(name)' is a secret, and what stands on a command line is none: "
                        + "write --param-file \(name)=PATH, or --param '\(name)=${VARIABLE}'"
                )
            }
            if case .file(let path) = reference {
                references[name] = .file(self.whole(path))
            } else {
                references[name] = reference
            }
        }
        for name in secrets where references[name] == nil {
            try self.refuse("the secret '\(name)' must be given: --param-file \(name)=PATH")
        }
        return references.isEmpty ? nil : references
    }

    /// The path from the root: whoever resumes the run may do so from another folder.
    private static func whole(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else {
            return path
        }
        defer { free(folder) }
        return "\(String(cString: folder))/\(path)"
    }

    fileprivate static func refuse(_ text: String) throws -> Never {
        Terminal.say(text)
        throw ExitCode.askedWrongly
    }
}
