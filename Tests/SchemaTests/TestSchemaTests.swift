// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunSimulator
import RunVocabulary
import RunbookSource
import RunbookTesting
import RunbookYAML
import Testing

/// The schemas of scenarios and of tests, which share one reader.
@Suite struct TestSchemaTests {
    // Goal: a case is a scenario and more.
    // Method: whatever the scenario's schema says of a key or a definition, that of tests says, too, word by word.
    @Test func `what a scenario may say a case may say`() throws {
        let (scenario, tests) = (try Schema("scenario"), try Schema("test"))
        for definition in scenario.definitions {
            #expect(tests.root["$defs"]?[definition.name] == definition.value, "\(definition.name)")
        }
        for property in scenario.root["properties"]?.members ?? [] where property.name != "scenario" {
            for name in ["given", "case", "row"] {
                let own = tests.root["$defs"]?[name]?["properties"]?[property.name]
                #expect(own == property.value, "\(name).\(property.name)")
            }
        }
    }

    @Test func `the page about scenarios names every key`() throws {
        let page = try String(contentsOf: Repository.root.appending(path: "docs/scenarios.md"), encoding: .utf8)
        let schema = try Schema("scenario")
        let objects = [schema.root] + schema.definitions.map(\.value)
        let keys = objects.flatMap { $0["properties"]?.members?.map(\.name) ?? [] }
        #expect(keys.count > 60)
        for key in keys {
            #expect(page.contains("`\(key)`"), "\(key)")
        }
    }

    @Test func `every file of tests that is shipped is valid by its schema`() throws {
        let schema = try Schema("test")
        var count = 0
        for folder in ["runbooks", "examples"] {
            let names = try FileManager.default.contentsOfDirectory(
                atPath: Repository.root.appending(path: folder).path()
            )
            for name in names.sorted() where name.hasSuffix(".test.yaml") {
                let root = try #require(try Repository.yaml("\(folder)/\(name)").root)
                #expect(try schema.problems(with: JSON(root)) == [], "\(name)")
                count += 1
            }
        }
        #expect(count >= 7)
    }

    @Test func `no definition is left over`() throws {
        let schema = try Schema("test")
        let used = Set(schema.root.objects.compactMap { $0["$ref"]?.stringValue })
        #expect(used.sorted() == schema.definitions.map { "#/$defs/\($0.name)" }.sorted())
    }

    @Test func `the schema's words are the reader's`() throws {
        let expectation = try Schema("test").root["$defs"]?["expectation"]?["properties"]
        let words = expectation?["outcome"]?["enum"]?.arrayValue?.compactMap(\.stringValue)
        #expect(words == Expectation.Ending.allCases.map(\.rawValue))
        let severities = try Schema("test").root["$defs"]?["told"]?["properties"]?["severity"]?["enum"]?.arrayValue
        #expect(severities?.compactMap(\.stringValue) == Severity.allCases.map(\.rawValue))
    }

    /// For every mapping of the schema of tests, a file that has one with `?` where a key may stand.
    private static let places: [(mapping: String, text: String)] =
        [
            ("", "{ ?, tests: a, cases: [{ case: a, cluster: { brokers: 1 }, expect: { harm: true } }] }"),
            ("case", "{ tests: a, cases: [{ ?, case: a, cluster: { brokers: 1 }, expect: { harm: true } }] }"),
            ("expectation", "{ tests: a, cases: [{ case: a, cluster: { brokers: 1 }, expect: { ?, harm: true } }] }"),
            ("told", "{ tests: a, cases: [{ case: a, cluster: { brokers: 1 }, expect: { notices: [{ ? }] } }] }"),
            ("excuse", "{ tests: a, cases: [], cannot_be_walked: [{ ?, step: a, on: b, because: c }] }"),
        ]
        + [
            ("cluster", "cluster: { ?, brokers: 1 }"), ("member", "cluster: { zookeeper: { a: { ? } } }"),
            ("broker", "cluster: { brokers: { a: { ? } } }"), ("node", "cluster: { nodes: { a: { ?, roles: r } } }"),
            ("fault", "cluster: { brokers: { a: {} } }, timeline: [{ ?, at: 1s, kill: a }]"),
            ("durations", "cluster: { brokers: 1 }, durations: { ? }"),
            ("person", "cluster: { brokers: 1 }, people: { ada: { ? } }"),
            ("mishap", "cluster: { brokers: { a: {} } }, commands: [{ ?, on: a, fails: 1 }]"),
            ("answer", "cluster: { brokers: 1 }, answers: [{ ?, ssh: a }]"),
            ("answer", "cluster: { brokers: 1 }, answers: [{ ?, http: a }]"),
            ("answer", "cluster: { brokers: 1 }, answers: [{ ?, kafka: {} }]"),
            ("answer", "cluster: { brokers: 1 }, answers: [{ ?, tls: a }]"),
            ("answer", "cluster: { brokers: 1 }, answers: [{ ?, prometheus: a }]"),
            ("answer", "cluster: { brokers: 1 }, answers: [{ ?, dns: a }]"),
            ("answer", "cluster: { brokers: 1 }, answers: [{ ?, jmx: a }]"),
            ("monitors", "cluster: { brokers: 1 }, monitors: { ? }"),
            ("watch", "cluster: { brokers: 1 }, watch: { ? }"),
        ].map { ($0.0, "{ tests: a, cases: [{ case: a, \($0.1), expect: { harm: true } }] }") }

    // Goal: a schema's keys are exactly those that the reader knows at that place.
    // Method: put a key that nobody can know at each place, and read from the diagnostic's help which keys there are.
    @Test func `the schema has the reader's keys`() throws {
        var known: [String: Set<String>] = [:]
        for (mapping, text) in Self.places {
            let file = SourceFile(path: "x.test.yaml", text: text.replacing("?", with: "\(KeyTests.stranger): 1"))
            let root = try #require(YAMLDocument.parse(file).root)
            let strange = TestFileReader.read(root).diagnostics.filter { $0.code.number == 601 }
            let help = try #require(strange.first?.help, "\(text)")
            try #require(help.hasPrefix("it knows "), "\(help)")
            let keys = help.split(separator: "'", omittingEmptySubsequences: false).enumerated()
            known[mapping, default: []].formUnion(keys.filter { $0.offset % 2 == 1 }.map { String($0.element) })
        }
        let described = try Schema("test").mappings.mapValues { Set(($0["properties"]?.members ?? []).map(\.name)) }
        // What is given and a row are read as a part of the case.
        #expect((known.keys + ["given", "row"]).sorted() == described.keys.sorted())
        for (mapping, keys) in known {
            #expect(keys.sorted() == described[mapping]?.sorted(), "\(mapping)")
        }
        let ofCase = try #require(described["case"])
        #expect(described["given"] == ofCase.subtracting(["case", "table"]))
        #expect(described["row"] == ofCase.subtracting(["case", "table"]).union(["row"]))
    }

    @Test(arguments: [
        "{ cases: [{ case: a, expect: { outcome: failed } }] }", "{ tests: a }", "{ tests: a, cases: [] }",
        "{ tests: a, cases: [{ expect: { outcome: failed } }] }",
        "{ tests: a, cases: [{ case: a, expect: { outcome: well } }] }",
        "{ tests: a, cases: [{ case: a, expect: { path: look } }] }", "{ tests: a, cases: [{ case: a, seeds: 0 }] }",
        "{ tests: a, cases: [{ case: a, table: [] }] }", "{ tests: a, cases: [{ case: a, table: [{ seed: 1 }] }] }",
        "{ tests: a, cases: [{ case: a, expect: { ends_within: 90 } }] }",
        "{ tests: a, cases: [{ case: a, expect: { harm: maybe } }] }",
        "{ tests: a, cases: [{ case: a, expect: { notices: [{ severity: loud }] } }] }",
        "{ tests: a, cases: [{ case: a, expect: { commands: [{ a: b, c: d }] } }] }",
        "{ tests: a, cases: [{ case: a }], cannot_be_walked: [{ step: a, on: b }] }",
        "{ tests: a, given: { case: b }, cases: [{ case: a }] }",
    ])
    func `what the schema refuses the reader refuses, too`(text: String) throws {
        let root = try #require(YAMLDocument.parse(SourceFile(path: "x.test.yaml", text: text)).root)
        #expect(!(try Schema("test").problems(with: JSON(root)).isEmpty))
        #expect(TestFileReader.read(root).diagnostics.hasErrors)
    }
}
