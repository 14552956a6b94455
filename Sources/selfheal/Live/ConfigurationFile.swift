// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration

/// What lies upon a configuration's files.
struct ConfigurationLayersOption: ParsableArguments {
    @Option(
        name: .customLong("environment"),
        help:
            "The environment whose overlay lies upon the configuration, such as production; SELFHEAL_ENVIRONMENT names it too."
    )
    var overlay: String?

    @Option(
        name: .customLong("set"),
        help: "A value above all files, such as monitoring.interval=5s; may be repeated."
    )
    var settings: [String] = []

    /// This process's environment and the files of this machine, with what lies upon them.
    var sources: ConfigurationSources {
        var sources = ConfigurationSources.here
        sources.overlay = self.overlay ?? Environment["SELFHEAL_ENVIRONMENT"].flatMap { $0.isEmpty ? nil : $0 }
        sources.settings = self.settings
        return sources
    }
}

/// `--config`, for every command that needs the cluster.
struct ConfigurationOption: ParsableArguments {
    static let defaultPath = "selfheal.yaml"

    @Option(
        name: .customLong("config"),
        help: "The configuration's file; SELFHEAL_CONFIG names it too. (default: \(ConfigurationOption.defaultPath))"
    )
    var path: String?

    @OptionGroup var layers: ConfigurationLayersOption

    /// Whether somebody named a file, rather than that one is looked for here.
    var isNamed: Bool {
        self.path != nil || Environment["SELFHEAL_CONFIG"] != nil
    }

    var resolvedPath: String {
        self.path ?? Environment["SELFHEAL_CONFIG"] ?? Self.defaultPath
    }

    /// The configuration, or its diagnostics on standard error and exit status 1 or 2.
    func load() throws -> SelfhealConfiguration {
        try self.report(self.loadFiles()).configuration
    }

    /// The configuration for who reads and tells nobody anything, so that a channel whose variables are missing is no hindrance.
    func loadForReading() throws -> SelfhealConfiguration {
        try self.loadWithIncompleteChannels().configuration
    }

    /// The configuration for who needs the store alone: what is wrong elsewhere is said, and is no hindrance.
    ///
    /// An emergency brake must work with a misspelt key in the file.
    func loadForStore() throws -> SelfhealConfiguration {
        let loaded = try self.loadFiles(leavingOutIncompleteChannels: true)
        guard loaded.configuration == nil, let partial = loaded.partial else {
            return try self.report(loaded).configuration
        }
        Terminal.say(DiagnosticRenderer(files: loaded.files).render(loaded.diagnostics))
        Terminal.say("the configuration is wrong; here only the store is needed, which is \(partial.storeFolder)")
        return partial
    }

    func loadWithIncompleteChannels() throws -> (
        configuration: SelfhealConfiguration, incomplete: [IncompleteChannel]
    ) {
        try self.report(self.loadFiles(leavingOutIncompleteChannels: true))
    }

    /// The configuration's files with all that is wrong with them; exit status 2 when there is none.
    func loadFiles(leavingOutIncompleteChannels: Bool = false) throws -> LoadedConfiguration {
        switch TextFile.read(self.resolvedPath) {
        case .success(let bytes):
            return SelfhealConfiguration.load(
                YAMLDocument.parse(path: self.resolvedPath, bytes: bytes, features: .configuration),
                from: self.layers.sources,
                baseFolder: TextFile.folder(of: self.resolvedPath),
                leavingOutIncompleteChannels: leavingOutIncompleteChannels
            )
        case .failure(let problem):
            Terminal.say("the configuration '\(self.resolvedPath)' cannot be read: \(problem.reason)")
            Terminal.say("help: name it with --config; examples/selfheal.yaml is one to start from")
            throw ExitCode.askedWrongly
        }
    }

    /// Says on standard error what is wrong, and ends with status 1 when it cannot be used.
    func report(
        _ loaded: LoadedConfiguration
    ) throws -> (configuration: SelfhealConfiguration, incomplete: [IncompleteChannel]) {
        if !loaded.diagnostics.isEmpty {
            Terminal.say(DiagnosticRenderer(files: loaded.files).render(loaded.diagnostics))
        }
        guard let configuration = loaded.configuration else {
            throw ExitCode.answerIsNo
        }
        return (configuration, loaded.incomplete)
    }
}

extension ConfigurationSources {
    /// This process's environment, and the files of this machine.
    static var here: Self {
        Self(environment: Environment.all) { path in
            TextFile.readStored(path).mapError { Unreadable(reason: $0.reason, isMissing: $0.isMissing) }
        }
    }
}

enum Environment {
    static subscript(name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    static var all: [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next += 1
        }
        return variables
    }
}
