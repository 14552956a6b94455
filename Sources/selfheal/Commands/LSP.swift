// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import LanguageServer
import RunSimulator
import RunVocabulary
import RunbookEditor
import RunbookSource
import RunbookTesting
import RunbookYAML
import SelfhealConfiguration
import SelfhealEngine

struct LSP: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lsp",
        abstract: "Serve an editor: the Language Server Protocol on standard input and output.",
        discussion: "Editors start it themselves; docs/editors.md shows how to set them up."
    )

    @Flag(help: "Ignored: it is the only way, and some editors ask for it.")
    var stdio = false

    func run() throws {
        var server = LanguageServer(
            LanguageServer.Configuration(
                version: Selfheal.version,
                languages: try Self.languages(),
                page: { verb in
                    SharedFiles.read("docs/language/\(verb).md").map { String(decoding: $0, as: UTF8.self) }
                },
                knowsZone: SystemZones.knows,
                read: { path in
                    guard case .success(let bytes) = TextFile.readStored(path) else {
                        return nil
                    }
                    return SourceFile(path: path, text: String(decoding: bytes, as: UTF8.self))
                }
            )
        )
        var framing = MessageFraming()
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while let count = Self.read(into: &buffer) {
            for frame in framing.feed(buffer[..<count]) {
                for message in server.handle(frame) {
                    Self.send(message)
                }
                if let status = server.exitStatus {
                    throw ExitCode(status)
                }
            }
            // A burst of key presses is looked at once, when all of it is here.
            guard !Self.hasMore else {
                continue
            }
            for message in server.tellDiagnostics() {
                Self.send(message)
            }
        }
        // The editor went away without a word.
        throw ExitCode.answerIsNo
    }

    private static func languages() throws -> EditorLanguages {
        EditorLanguages(
            runbook: try self.grammar("runbook"),
            others: [
                .configuration: EditorLanguages.Other(
                    grammar: try self.grammar("selfheal"),
                    features: .configuration,
                    check: { document in
                        // What is wrong in another of its files is shown when that is opened.
                        SelfhealConfiguration.load(
                            document,
                            from: .here,
                            baseFolder: TextFile.folder(of: document.file.path),
                            leavingOutIncompleteChannels: true
                        )
                        .diagnostics.filter { $0.span.path == document.file.path }
                    }
                ),
                .scenario: EditorLanguages.Other(
                    grammar: try self.grammar("scenario"),
                    features: .runbook,
                    check: { document in
                        let mistakes = document.root.map { ScenarioReader.read($0).diagnostics } ?? []
                        return (document.diagnostics + mistakes).inSourceOrder()
                    }
                ),
                // Whether the runbook has what its tests name is for `selfheal check`, which may read files.
                .tests: EditorLanguages.Other(
                    grammar: try self.grammar("test"),
                    features: .runbook,
                    check: { document in
                        let mistakes = document.root.map { TestFileReader.read($0).diagnostics } ?? []
                        return (document.diagnostics + mistakes).inSourceOrder()
                    }
                ),
            ]
        )
    }

    private static func grammar(_ name: String) throws -> RunbookGrammar {
        guard let schema = SharedFiles.read("schemas/\(name).schema.json"), let grammar = RunbookGrammar(schema: schema)
        else {
            Terminal.say("schemas/\(name).schema.json is not beside the program; SELFHEAL_SHARE names its folder")
            throw ExitCode.weFailed
        }
        return grammar
    }

    private static func read(into buffer: inout [UInt8]) -> Int? {
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(STDIN_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            return count > 0 ? count : nil
        }
    }

    private static var hasMore: Bool {
        var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        return poll(&input, 1, 0) > 0 && input.revents & Int16(POLLIN) != 0
    }

    private static func send(_ message: JSON) {
        Terminal.write(MessageFraming.frame(message), to: STDOUT_FILENO)
    }
}
