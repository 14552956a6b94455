// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LanguageServer
import RunVocabulary
import RunbookEditor
import RunbookSource
import RunbookYAML
import Testing

/// The protocol, from message to message; what is answered about runbooks is tested with the editor.
@Suite struct LanguageServerTests {
    struct Client {
        var server: LanguageServer
        private var next: Int64 = 0
        static let uri = "file:///mend.yaml"

        init() throws {
            let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let schema = try Data(contentsOf: root.appending(path: "schemas/runbook.schema.json"))
            let grammar = try #require(RunbookGrammar(schema: Array(schema)))
            self.server = LanguageServer(
                LanguageServer.Configuration(
                    version: "1",
                    languages: try Self.languages(grammar, schemas: root.appending(path: "schemas")),
                    page: { "the page about \($0)" },
                    read: { path in
                        path == "/restart.yaml" ? SourceFile(path: path, text: Self.restart) : nil
                    }
                )
            )
        }

        /// What lies beside the open files.
        static let restart = "runbook: restart\nsteps: [{ id: rest, pause: 1s }]\n"

        private static func languages(_ runbook: RunbookGrammar, schemas: URL) throws -> EditorLanguages {
            func other(_ name: String) throws -> EditorLanguages.Other {
                let schema = try Data(contentsOf: schemas.appending(path: "\(name).schema.json"))
                let grammar = try #require(RunbookGrammar(schema: Array(schema)))
                return EditorLanguages.Other(grammar: grammar, features: .runbook) { document in
                    // What is checked is tested where it is; here one can see that it was asked.
                    document.diagnostics + [
                        Diagnostic(
                            code: .init(600),
                            severity: .error,
                            message: name,
                            span: .wholeFile(document.file.path)
                        )
                    ]
                }
            }
            return EditorLanguages(
                runbook: runbook,
                others: [
                    .configuration: try other("selfheal"), .scenario: try other("scenario"), .tests: try other("test"),
                ]
            )
        }

        mutating func send(_ message: JSON) -> [JSON] {
            self.server.handle(.message(message.bytes))
        }

        mutating func request(_ method: String, _ parameters: JSON = [:]) -> JSON {
            self.next += 1
            let answers = self.send([
                "jsonrpc": "2.0", "id": .int(self.next), "method": .string(method), "params": parameters,
            ])
            #expect(answers.count == 1 && answers[0]["id"]?.intValue == self.next)
            return answers.first ?? .null
        }

        mutating func initialize(_ encodings: [String] = []) -> JSON {
            let offered = JSON.array(encodings.map { .string($0) })
            return self.request("initialize", ["capabilities": ["general": ["positionEncodings": offered]]])
        }

        mutating func open(_ text: String, as uri: String = Self.uri) -> JSON {
            let item: JSON = ["uri": .string(uri), "languageId": "yaml", "version": 1, "text": .string(text)]
            #expect(
                self.send(["jsonrpc": "2.0", "method": "textDocument/didOpen", "params": ["textDocument": item]]) == []
            )
            return self.server.tellDiagnostics().first?["params"] ?? .null
        }

        /// What is told of the document, after a change of it or of another one.
        mutating func change(_ changes: JSON, of uri: String = Self.uri, telling told: String? = nil) -> JSON {
            let parameters: JSON = ["textDocument": ["uri": .string(uri), "version": 2], "contentChanges": changes]
            #expect(self.send(["jsonrpc": "2.0", "method": "textDocument/didChange", "params": parameters]) == [])
            return self.server.tellDiagnostics().map { $0["params"] ?? .null }
                .first { $0["uri"]?.stringValue == told ?? uri } ?? .null
        }

        static func place(_ line: Int64, _ character: Int64) -> JSON {
            [
                "textDocument": ["uri": .string(self.uri)],
                "position": ["line": .int(line), "character": .int(character)],
            ]
        }
    }

    static let text = """
        runbook: mend
        title: "é 🙂 日"
        steps:
          - id: look
            title: "🙂🙂"
            if_failed: lok
            pause: 1s
            
        """

    @Test func `a session goes from initialize to exit`() throws {
        var client = try Client()
        #expect(client.request("textDocument/hover")["error"]?["code"] == -32_002)
        #expect(client.initialize()["result"]?["capabilities"]?["hoverProvider"] == true)
        #expect(client.initialize()["error"]?["code"] == -32_600)
        #expect(client.request("shutdown")["result"] == .null)
        #expect(client.request("textDocument/hover")["error"] != nil)
        #expect(client.server.exitStatus == nil)
        _ = client.send(["jsonrpc": "2.0", "method": "exit"])
        #expect(client.server.exitStatus == 0)
    }

    @Test func `leaving without a word is a failure`() throws {
        var client = try Client()
        _ = client.initialize()
        _ = client.send(["jsonrpc": "2.0", "method": "exit"])
        #expect(client.server.exitStatus == 1)
    }

    // Goal: positions are in the units agreed upon, behind characters of one, two and four bytes.
    @Test(arguments: [([], "utf-16"), (["utf-16", "utf-8"], "utf-8"), (["utf-32"], "utf-16")])
    func `the encoding is negotiated`(offered: [String], chosen: String) throws {
        var client = try Client()
        #expect(client.initialize(offered)["result"]?["capabilities"]?["positionEncoding"] == .string(chosen))
        let told = client.open("runbook: mend\ntitle: \"é🙂\"\nsteps: [{ id: a, title: \"é🙂\", pause: x }]\n")
        let start = told["diagnostics"]?[0]?["range"]?["start"]
        // Before the name: é is one unit or two bytes, 🙂 two units or four bytes.
        let column: Int64 = chosen == "utf-8" ? 41 : 38
        #expect(start == ["line": 2, "character": .int(column)], "\(told)")
    }

    @Test func `diagnostics are told when a text is opened or changed, and only then`() throws {
        var client = try Client()
        _ = client.initialize()
        let told = client.open(Self.text)
        #expect(told["diagnostics"]?.arrayValue?.count == 1)
        #expect(told["diagnostics"]?[0]?["code"] == "RB0201")
        #expect(told["version"] == 1)
        #expect(client.server.tellDiagnostics() == [])
        let range: JSON = ["start": ["line": 5, "character": 15], "end": ["line": 5, "character": 18]]
        let cured = client.change([["range": range, "text": "look"]])
        #expect(cured["diagnostics"]?.arrayValue?.contains { $0["code"] == "RB0201" } == false)
    }

    @Test func `a text that is changed piece by piece is the text that the editor has`() throws {
        var client = try Client()
        _ = client.initialize()
        _ = client.open("a: 🙂\nb: 2\n")
        let first: JSON = ["start": ["line": 0, "character": 5], "end": ["line": 1, "character": 1]]
        let second: JSON = ["start": ["line": 0, "character": 0], "end": ["line": 0, "character": 0]]
        _ = client.change([["range": first, "text": "x\nrunbook"], ["range": second, "text": "é"]])
        let told = client.change([
            [
                "range": ["start": ["line": 9, "character": 9], "end": ["line": 9, "character": 9]],
                "text": "\nsteps: 1",
            ]
        ])
        // What is there now is a runbook with two strange keys and steps that are none.
        #expect(told["diagnostics"]?.arrayValue?.isEmpty == false)
        let whole = client.change([["text": "a: 1\n"]])
        #expect(whole["diagnostics"] == [])
    }

    @Test func `completion replaces what is typed of the word`() throws {
        var client = try Client()
        _ = client.initialize()
        _ = client.open(Self.text.replacing("pause: 1s", with: "pro"))
        let items = client.request("textDocument/completion", Client.place(6, 7))["result"]?["items"]
        let probe = items?.arrayValue?.first { $0["label"] == "probe" }
        #expect(
            probe?["textEdit"]?["range"]
                == ["start": ["line": 6, "character": 4], "end": ["line": 6, "character": 7]]
        )
    }

    @Test func `hover, definition, references, rename, symbols and cures have the protocol's shapes`() throws {
        var client = try Client()
        _ = client.initialize()
        _ = client.open(Self.text.replacing("lok", with: "look"))
        let hover = client.request("textDocument/hover", Client.place(6, 5))["result"]
        #expect(hover?["contents"]?["value"] == "the page about pause")
        let definition = client.request("textDocument/definition", Client.place(5, 16))["result"]
        #expect(definition?["range"]?["start"] == ["line": 3, "character": 8])
        #expect(client.request("textDocument/references", Client.place(3, 9))["result"]?.arrayValue?.count == 2)
        var rename = Client.place(3, 9).members ?? []
        rename.append(JSONMember("newName", "glance"))
        let edits = client.request("textDocument/rename", .object(rename))["result"]?["changes"]?[Client.uri]
        #expect(edits?.arrayValue?.map { $0["newText"] } == ["glance", "glance"])
        let symbols = client.request("textDocument/documentSymbol", Client.place(0, 0))["result"]
        #expect(symbols?[0]?["name"] == "look")
        _ = client.change([["text": .string(Self.text)]])
        let range: JSON = ["start": ["line": 5, "character": 0], "end": ["line": 5, "character": 20]]
        let actions = client.request(
            "textDocument/codeAction",
            ["textDocument": ["uri": .string(Client.uri)], "range": range, "context": ["diagnostics": []]]
        )["result"]
        #expect(actions?[0]?["title"] == "Change to 'look'")
    }

    // MARK: Wrong messages

    @Test(arguments: [
        "{bad", "[]", "1", "{}", "{\"jsonrpc\":\"2.0\",\"id\":1}", "{\"id\":1,\"method\":2}",
        "{\"id\":{},\"method\":\"x\"}", "{\"id\":1,\"method\":\"\"}",
    ])
    func `a message that is none is answered with an error`(text: String) throws {
        var client = try Client()
        _ = client.initialize()
        let answers = client.server.handle(.message(Array(text.utf8)))
        #expect(answers.count == 1)
        #expect(answers.first?["error"]?["code"]?.intValue ?? 0 < 0)
    }

    @Test(arguments: [
        "textDocument/completion", "textDocument/hover", "textDocument/definition", "textDocument/references",
        "textDocument/rename", "textDocument/prepareRename", "textDocument/documentSymbol", "textDocument/codeAction",
        "textDocument/formatting", "workspace/symbol",
    ])
    func `a request with nothing or nonsense in it is refused`(method: String) throws {
        var client = try Client()
        _ = client.initialize()
        _ = client.open(Self.text)
        let nonsense: [JSON] = [
            .null, [:], ["textDocument": 1], ["textDocument": ["uri": "file:///other.yaml"]],
            ["textDocument": ["uri": .string(Client.uri)], "position": ["line": "x"], "range": 1, "newName": 2],
        ]
        for parameters in nonsense where method != "textDocument/documentSymbol" || parameters["position"] == nil {
            #expect(client.request(method, parameters)["error"] != nil, "\(parameters)")
        }
    }

    @Test(
        arguments: [
            ["line": -1, "character": 0], ["line": 1_000_000, "character": 9_000_000_000],
            ["line": 5, "character": 1_000],
        ] as [JSON]
    )
    func `a position outside the text is its nearest end or refused`(position: JSON) throws {
        var client = try Client()
        _ = client.initialize()
        _ = client.open(Self.text)
        let parameters: JSON = ["textDocument": ["uri": .string(Client.uri)], "position": position]
        let answer = client.request("textDocument/hover", parameters)
        #expect(answer["result"] != nil || answer["error"] != nil)
    }

    @Test func `notifications that nobody knows and changes of what is not open change nothing`() throws {
        var client = try Client()
        _ = client.initialize()
        #expect(client.send(["jsonrpc": "2.0", "method": "$/cancelRequest", "params": ["id": 1]]) == [])
        #expect(client.change([["text": "runbook: x"]]) == .null)
        #expect(client.send(["jsonrpc": "2.0", "id": 7, "result": .null]) == [])
    }
}
