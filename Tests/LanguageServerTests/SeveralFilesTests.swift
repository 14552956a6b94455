// Selfheal
// SPDX-License-Identifier: Apache-2.0

import LanguageServer
import RunVocabulary
import Testing

/// Files that have to do with one another, and files that are no runbooks.
@Suite struct SeveralFilesTests {
    static let caller = "runbook: caller\nsteps:\n  - id: go\n    call: { runbook: restart }\n"
    static let called = "file:///restart.yaml"

    private static func client() throws -> LanguageServerTests.Client {
        var client = try LanguageServerTests.Client()
        _ = client.initialize()
        return client
    }

    private static func messages(_ told: JSON) -> [String] {
        (told["diagnostics"]?.arrayValue ?? []).compactMap { $0["message"]?.stringValue }
    }

    @Test func `a runbook that is called is found beside the one that calls it`() throws {
        var client = try Self.client()
        #expect(Self.messages(client.open(Self.caller)) == [])
        let other = client.change([["text": .string(Self.caller.replacing("restart", with: "rest"))]])
        #expect(other["diagnostics"]?[0]?["code"] == "RB0241", "\(other)")
        #expect(other["diagnostics"]?[0]?["message"]?.stringValue?.contains("'/rest.yaml'") == true)
    }

    // Goal: what is being typed counts, not what lies on the disk; and who calls a file is told when it changes.
    @Test func `an open text wins over its file, and its mistakes are told where it is called`() throws {
        var client = try Self.client()
        _ = client.open(Self.caller)
        #expect(
            Self.messages(client.open("runbook: restart\nsteps: [{ id: rest, pause: soon }]\n", as: Self.called)) != []
        )
        let broken = client.change(
            [["text": "runbook: restart\nsteps: [{ id: rest, pause: late }]\n"]],
            of: Self.called,
            telling: LanguageServerTests.Client.uri
        )
        let message = try #require(Self.messages(broken).first)
        #expect(Self.messages(broken).count == 1)
        #expect(message.hasPrefix("the runbook '/restart.yaml' that is called here has a mistake: "), "\(message)")
        let diagnostic = broken["diagnostics"]?[0]
        #expect(diagnostic?["range"]?["start"] == ["line": 3, "character": 21], "\(broken)")
        let related = diagnostic?["relatedInformation"]?[0]?["location"]
        #expect(related?["uri"] == .string(Self.called))
        #expect(related?["range"]?["start"] == ["line": 1, "character": 27], "\(broken)")
        let mended = client.change(
            [["text": "runbook: restart\nsteps: [{ id: rest, pause: 2s }]\n"]],
            of: Self.called,
            telling: LanguageServerTests.Client.uri
        )
        #expect(Self.messages(mended) == [])
    }

    @Test func `the definition of a called runbook is its file`() throws {
        var client = try Self.client()
        _ = client.open(Self.caller)
        let answer = client.request("textDocument/definition", LanguageServerTests.Client.place(3, 23))["result"]
        #expect(answer?["uri"] == .string(Self.called), "\(answer ?? .null)")
    }

    @Test(arguments: ["file:///a%20b/m%C3%BCll.yaml", "file:///a%2zb.yaml", "untitled:one", "file://", ""])
    func `a document may have any name`(uri: String) throws {
        var client = try Self.client()
        let told = client.open(Self.caller.replacing("restart", with: "nowhere"), as: uri)
        #expect(told["uri"] == .string(uri))
        #expect(told["diagnostics"]?[0]?["code"] == "RB0241", "\(told)")
    }

    @Test(arguments: [
        ("scenario: quiet\ncluster: { zookeeper: 3 }\n", "scenario"), ("cluster: { nodes: [] }\n", "selfheal"),
        ("# yaml-language-server: $schema=../schemas/scenario.schema.json\ncluster:\n", "scenario"),
        ("cluster: {}\nscenario: late\n", "scenario"), ("title: a\ntests: a.yaml\ncases: []\n", "test"),
        ("# yaml-language-server: $schema=../schemas/test.schema.json\ntitle: a\n", "test"),
    ])
    func `a configuration, a scenario and tests are checked as what they are`(text: String, kind: String) throws {
        var client = try Self.client()
        #expect(Self.messages(client.open(text)) == [kind])
    }

    @Test(arguments: [
        ("scenario: quiet\n", Int64(1), "timeline"), ("tests: a.yaml\n", Int64(1), "cases"),
        ("cluster:\n  name: a\npe\n", Int64(2), "people"),
    ])
    func `their keys are completed and explained`(text: String, line: Int64, key: String) throws {
        var client = try Self.client()
        _ = client.open(text)
        let place = LanguageServerTests.Client.place(line, line == 1 ? 0 : 2)
        let items = client.request("textDocument/completion", place)["result"]?["items"]?.arrayValue ?? []
        #expect(items.contains { $0["label"] == .string(key) }, "\(items)")
        #expect(!items.contains { $0["label"] == "steps" })
        // A text that is no YAML yet has keys to offer, and none to explain.
        guard line == 1 else {
            return
        }
        let hover = client.request("textDocument/hover", LanguageServerTests.Client.place(0, 2))["result"]
        #expect(hover?["contents"]?["value"]?.stringValue?.isEmpty == false)
    }

    @Test func `the outline shows branches and what comes at the end`() throws {
        var client = try Self.client()
        _ = client.open(
            """
            runbook: both
            steps:
              - id: sides
                parallel:
                  branches:
                    north: [{ id: rest_north, pause: 1s }]
                    south: [{ id: rest_south, pause: 1s }]
            on_failure:
              undo: true
              steps: [{ id: tell, pause: 1s }]
            """
        )
        let parameters: JSON = ["textDocument": ["uri": .string(LanguageServerTests.Client.uri)]]
        let symbols = client.request("textDocument/documentSymbol", parameters)["result"]?.arrayValue ?? []
        #expect(symbols.map { $0["name"] } == ["sides", "tell"])
        let branches = symbols.first?["children"]?.arrayValue ?? []
        #expect(branches.map { $0["name"] } == ["north", "south"])
        #expect(branches.first?["children"]?[0]?["name"] == "rest_north")
    }
}
