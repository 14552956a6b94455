// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension IntegrationTests {
    /// What an author uses: new, check in its formats, graph, and a session of an editor.
    @Suite struct AuthorToolTests {
        private static let bad = "runbook: a\nsteps:\n  - id: look\n    pause: 1s\n    next: lok\n    if_failed: lok\n"

        private static func inFolder(_ body: (String) async throws -> Void) async throws {
            let folder = "/tmp/selfheal-it-\(UUID().uuidString.prefix(8))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            try await body(folder)
        }

        @Test(arguments: ["repair", "rolling", "report"])
        func `a new runbook checks clean, and nothing is overwritten`(kind: String) async throws {
            try await Self.inFolder { folder in
                let made = try await Selfheal.run("new", "mend_it", "--kind", kind, "--folder", folder)
                #expect(made.status == 0, "\(made)")
                let check = try await Selfheal.run("check", "--strict", "\(folder)/mend_it.yaml")
                #expect(check.status == 0, "\(check)")
                let again = try await Selfheal.run("new", "mend_it", "--folder", folder)
                #expect(again.status == 1 && again.complaint.contains("already"), "\(again)")
                let wrong = try await Selfheal.run("new", "../Mend", "--folder", folder)
                #expect(wrong.status == 2, "\(wrong)")
            }
        }

        // What SARIF 2.1.0 requires of the properties that we write.
        @Test func `a SARIF log has what the standard requires`() async throws {
            try await Self.inFolder { folder in
                let path = try Selfheal.write(Self.bad, "a b.yaml", in: folder)
                let check = try await Selfheal.run("check", "--format", "sarif", path)
                #expect(check.status == 1)
                let log = try #require(
                    try JSONSerialization.jsonObject(with: Data(check.output.utf8)) as? [String: Any]
                )
                #expect(log["version"] as? String == "2.1.0")
                let run = try #require((log["runs"] as? [[String: Any]])?.first)
                let driver = try #require((run["tool"] as? [String: Any])?["driver"] as? [String: Any])
                #expect(driver["name"] as? String == "selfheal")
                let rules = try #require(driver["rules"] as? [[String: Any]])
                let results = try #require(run["results"] as? [[String: Any]])
                #expect(results.count == 1)
                for result in results {
                    let index = try #require(result["ruleIndex"] as? Int)
                    #expect(rules[index]["id"] as? String == result["ruleId"] as? String)
                    #expect(["error", "warning"].contains(result["level"] as? String))
                    #expect((result["message"] as? [String: Any])?["text"] is String)
                    let location = try #require((result["locations"] as? [[String: Any]])?.first)
                    let place = try #require(location["physicalLocation"] as? [String: Any])
                    let artifact = try #require(place["artifactLocation"] as? [String: Any])
                    #expect(artifact["uri"] as? String == "file://\(folder)/a%20b.yaml")
                    let region = try #require(place["region"] as? [String: Any])
                    #expect(region["startLine"] as? Int == 5 && region["startColumn"] as? Int == 11)
                    #expect(result["relatedLocations"] != nil, "the second place is told as well")
                    #expect(result["fixes"] != nil)
                }
            }
        }

        @Test func `a file that is watched is checked whenever it changes`() async throws {
            try await Self.inFolder { folder in
                let path = try Selfheal.write(Self.bad, "a.yaml", in: folder)
                let life = try Running(["check", "--watch", path])
                defer { life.signal(SIGKILL) }
                try await life.says("\(path): 1 error")
                // An atomic write is a new file under the old name: what editors do.
                _ = try Selfheal.write(Self.bad.replacingOccurrences(of: "lok", with: "again"), "a.yaml", in: folder)
                try await life.says("\(path): 1 error", times: 2)
                let good = "runbook: a\nsteps:\n  - id: look\n    pause: 1s\n"
                _ = try Selfheal.write(good, "a.yaml", in: folder)
                try await life.says("\(path): 1 steps, no errors")
            }
        }

        @Test func `a runbook is drawn as SVG, or it is said which package is missing`() async throws {
            let runbook = "examples/first_runbook.yaml"
            let dot = try await Selfheal.run("graph", "--format", "dot", runbook)
            #expect(dot.status == 0 && dot.output.hasPrefix("digraph {"), "\(dot)")
            for part in ["hexagon", "peripheries=2", "cluster_", "style=dashed"] {
                #expect(dot.output.contains(part), "\(part)")
            }
            let without = try await Selfheal.run(
                ["graph", "--format", "svg", runbook],
                environment: ["PATH": "/nowhere"]
            )
            #expect(without.status == 3 && without.complaint.contains("apt-get install graphviz"), "\(without)")
            let svg = try await Selfheal.run("graph", "--format", "svg", runbook)
            #expect(svg.status == 0 && svg.output.contains("<svg"), "\(svg.complaint)")
        }

        @Test func `public incidents are rehearsed in one table`() async throws {
            let table = try await Selfheal.run("incidents", "--only", "bitnami")
            #expect(table.status == 0, "\(table)")
            for part in ["what unguarded automation did", "bitnami_32542_empty_majority", "data harmed"] {
                #expect(table.output.contains(part), "\(part): \(table.output)")
            }
            let json = try await Selfheal.run("incidents", "--only", "bitnami", "--format", "json")
            #expect(json.status == 0 && json.output.contains("\"harms\": []"), "\(json)")
            let none = try await Selfheal.run("incidents", "--only", "nothing of the kind")
            #expect(none.status == 2 && none.complaint.contains("there are aws_2025_stale_check"), "\(none)")
            let nowhere = try await Selfheal.run("incidents", "docs")
            #expect(
                nowhere.status == 2 && nowhere.complaint.contains("there is no '*.scenario.yaml' in 'docs'"),
                "\(nowhere)"
            )
        }

        @Test func `an editor has a session over standard input and output`() async throws {
            let editor = try Editor()
            defer { editor.process.terminate() }
            let capabilities = try editor.request("initialize", ["capabilities": [String: Any]()])
            #expect(capabilities["capabilities"] != nil)
            let uri = "file:///a.yaml"
            try editor.notify(
                "textDocument/didOpen",
                ["textDocument": ["uri": uri, "languageId": "yaml", "version": 1, "text": Self.bad]]
            )
            let told = try editor.read()
            #expect(told["method"] as? String == "textDocument/publishDiagnostics")
            // Broken messages in between are answered, and end nothing.
            editor.send(raw: "Content-Length: 4\r\n\r\n{bad")
            #expect(try editor.read()["error"] != nil)
            let place: [String: Any] = ["textDocument": ["uri": uri], "position": ["line": 4, "character": 12]]
            let completion = try editor.request("textDocument/completion", place)
            #expect((completion["items"] as? [[String: Any]])?.contains { $0["label"] as? String == "look" } == false)
            let hover = try editor.request(
                "textDocument/hover",
                ["textDocument": ["uri": uri], "position": ["line": 3, "character": 6]]
            )
            let page = (hover["contents"] as? [String: Any])?["value"] as? String
            #expect(page?.hasPrefix("# pause") ?? false)
            _ = try editor.request("shutdown", [:])
            try editor.notify("exit", [:])
            editor.process.waitUntilExit()
            #expect(editor.process.terminationStatus == 0)
        }
    }
}

/// A language client, as small as one can be.
private final class Editor {
    struct Silent: Error {}

    let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var unread = Data()
    private var next = 0

    init() throws {
        self.process.executableURL = URL(fileURLWithPath: Selfheal.path)
        self.process.arguments = ["lsp"]
        self.process.standardInput = self.input
        self.process.standardOutput = self.output
        try self.process.run()
    }

    func send(raw text: String) {
        self.input.fileHandleForWriting.write(Data(text.utf8))
    }

    func notify(_ method: String, _ parameters: [String: Any]) throws {
        try self.send(["jsonrpc": "2.0", "method": method, "params": parameters])
    }

    private func send(_ message: [String: Any]) throws {
        let body = try JSONSerialization.data(withJSONObject: message)
        self.input.fileHandleForWriting.write(Data("Content-Length: \(body.count)\r\n\r\n".utf8) + body)
    }

    /// The result of a request; an empty one for null.
    func request(_ method: String, _ parameters: [String: Any]) throws -> [String: Any] {
        self.next += 1
        try self.send(["jsonrpc": "2.0", "id": self.next, "method": method, "params": parameters])
        while true {
            let message = try self.read()
            if message["id"] as? Int == self.next {
                return message["result"] as? [String: Any] ?? [:]
            }
        }
    }

    func read() throws -> [String: Any] {
        while true {
            if let end = self.unread.range(of: Data("\r\n\r\n".utf8)) {
                let header = String(decoding: self.unread[..<end.lowerBound], as: UTF8.self)
                let length = Int(header.split(separator: " ").last ?? "") ?? 0
                if self.unread.endIndex - end.upperBound >= length {
                    let body = self.unread[end.upperBound..<(end.upperBound + length)]
                    self.unread = Data(self.unread[(end.upperBound + length)...])
                    return try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] ?? [:]
                }
            }
            let more = self.output.fileHandleForReading.availableData
            guard !more.isEmpty else {
                throw Silent()
            }
            self.unread += more
        }
    }
}
