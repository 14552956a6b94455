// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration

/// `--config`, for every command that needs the cluster.
struct ConfigurationOption: ParsableArguments {
    static let defaultPath = "selfheal.yaml"

    @Option(
        name: .customLong("config"),
        help: "The configuration's file; SELFHEAL_CONFIG names it too. (default: \(ConfigurationOption.defaultPath))"
    )
    var path: String?

    /// Whether somebody named a file, rather than that one is looked for here.
    var isNamed: Bool {
        self.path != nil || Environment["SELFHEAL_CONFIG"] != nil
    }

    var resolvedPath: String {
        self.path ?? Environment["SELFHEAL_CONFIG"] ?? Self.defaultPath
    }

    /// The configuration, or its diagnostics on standard error and exit status 1 or 2.
    func load() throws -> SelfhealConfiguration {
        let document = try self.document()
        let loaded = SelfhealConfiguration.load(
            document,
            environment: Environment.all,
            baseFolder: TextFile.folder(of: self.resolvedPath)
        )
        return try self.report(loaded.configuration, loaded.diagnostics, of: document)
    }

    /// The configuration for who reads and tells nobody anything, so that a channel whose variables are missing is no hindrance.
    func loadForReading() throws -> SelfhealConfiguration {
        try self.loadWithIncompleteChannels().configuration
    }

    func loadWithIncompleteChannels() throws -> (
        configuration: SelfhealConfiguration, incomplete: [IncompleteChannel]
    ) {
        let document = try self.document()
        let loaded = SelfhealConfiguration.loadWithoutIncompleteChannels(
            document,
            environment: Environment.all,
            baseFolder: TextFile.folder(of: self.resolvedPath)
        )
        return (try self.report(loaded.configuration, loaded.diagnostics, of: document), loaded.incomplete)
    }

    private func document() throws -> YAMLDocument {
        switch TextFile.read(self.resolvedPath) {
        case .success(let bytes):
            return YAMLDocument.parse(path: self.resolvedPath, bytes: bytes, features: .configuration)
        case .failure(let problem):
            Terminal.say("the configuration '\(self.resolvedPath)' cannot be read: \(problem.reason)")
            Terminal.say("help: name it with --config; examples/selfheal.yaml is one to start from")
            throw ExitCode.askedWrongly
        }
    }

    private func report(
        _ configuration: SelfhealConfiguration?,
        _ diagnostics: [Diagnostic],
        of document: YAMLDocument
    ) throws -> SelfhealConfiguration {
        if !diagnostics.isEmpty {
            Terminal.say(DiagnosticRenderer(files: [document.file]).render(diagnostics))
        }
        guard let configuration else {
            throw ExitCode.answerIsNo
        }
        return configuration
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
