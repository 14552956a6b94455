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

    private var resolvedPath: String {
        self.path ?? Environment["SELFHEAL_CONFIG"] ?? Self.defaultPath
    }

    /// The configuration, or its diagnostics on standard error and exit status 1 or 2.
    func load() throws -> SelfhealConfiguration {
        let path = self.resolvedPath
        let bytes: [UInt8]
        switch TextFile.read(path) {
        case .success(let read): bytes = read
        case .failure(let problem):
            Terminal.say("the configuration '\(path)' cannot be read: \(problem.reason)")
            Terminal.say("help: name it with --config; examples/selfheal.yaml is one to start from")
            throw ExitCode.askedWrongly
        }
        let document = YAMLDocument.parse(path: path, bytes: bytes, features: .configuration)
        let loaded = SelfhealConfiguration.load(
            document,
            environment: Environment.all,
            baseFolder: TextFile.folder(of: path)
        )
        if !loaded.diagnostics.isEmpty {
            Terminal.say(DiagnosticRenderer(files: [document.file]).render(loaded.diagnostics))
        }
        guard let configuration = loaded.configuration else {
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
