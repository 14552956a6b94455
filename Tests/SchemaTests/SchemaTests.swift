// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookLanguage
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import Testing

@Suite struct SchemaTests {
    @Test func `every runbook that is shipped is valid by its schema`() throws {
        let schema = try Schema("runbook")
        let files = try ["runbooks", "examples", "examples/incidents"].flatMap { try Repository.files(in: $0) }
        let runbooks = try files.compactMap { file in
            try Repository.yaml(file).root.flatMap { $0["runbook"] == nil ? nil : (file, $0) }
        }
        #expect(runbooks.count > 2)
        for (file, root) in runbooks {
            #expect(try schema.problems(with: JSON(root)) == [], "\(file)")
        }
    }

    @Test func `the configuration that is shipped is valid by its schema`() throws {
        let root = try #require(try Repository.yaml("examples/selfheal.yaml").root)
        #expect(try Schema("selfheal").problems(with: JSON(root)) == [])
    }

    @Test(arguments: ["runbook", "selfheal"]) func `an editor has something to say about every key`(name: String) throws
    {
        let schema = try Schema(name)
        for (mapping, definition) in schema.mappings {
            for property in definition["properties"]?.members ?? [] {
                let text = property.value["description"]?.stringValue ?? ""
                #expect(text.hasSuffix(".") || text.hasSuffix("?"), "\(mapping).\(property.name)")
            }
            #expect(definition["additionalProperties"] == false, "\(mapping)")
        }
    }

    @Test(arguments: ["runbook", "selfheal"]) func `no definition is left over`(name: String) throws {
        let schema = try Schema(name)
        let used = Set(schema.root.objects.compactMap { $0["$ref"]?.stringValue })
        #expect(used.sorted() == schema.definitions.map { "#/$defs/\($0.name)" }.sorted())
    }

    // Goal: what an editor underlines, the checker refuses, and the other way round.
    // Method: mistakes of every sort in otherwise valid files.
    @Test(arguments: [
        "title: a runbook without a name or steps",
        "{ runbook: a, steps: [] }",
        "{ runbook: A B, steps: [{ id: a, pause: 1s }] }",
        "{ runbook: a, steps: [{ pause: 1s }] }",
        "{ runbook: a, steps: [{ id: a }] }",
        "{ runbook: a, steps: [{ id: a, pause: 1s, title: [x] }] }",
        "{ runbook: a, steps: [{ id: a, puase: 1s }] }",
        "{ runbook: a, steps: [{ id: a, pause: 1s, timeout: 30 }] }",
        "{ runbook: a, steps: [{ id: a, pause: 1s, max_visits: 0 }] }",
        "{ runbook: a, steps: [{ id: a, pause: 1s, set: { b: '1' } }] }",
        "{ runbook: a, steps: [{ id: a, pause: 1s, retry: { backoff: fixed } }] }",
        "{ runbook: a, steps: [{ id: a, finish: { outcome: done } }] }",
        "{ runbook: a, steps: [{ id: a, for_each: { as: n, in: x } }] }",
        "{ runbook: a, steps: [{ id: a, choose: [{ when: x }] }] }",
        "{ runbook: a, steps: [{ id: a, choose: [{ otherwise: a, next: a }] }] }",
        "{ runbook: a, steps: [{ id: a, probe: { targets: t } }] }",
        "{ runbook: a, steps: [{ id: a, run: { targets: t } }] }",
        "{ runbook: a, steps: [{ id: a, run: { targets: t, service: s } }] }",
        "{ runbook: a, steps: [{ id: a, run: { targets: t, do: start } }] }",
        "{ runbook: a, steps: [{ id: a, run: { targets: t, command: ls } }] }",
        "{ runbook: a, steps: [{ id: a, run: { targets: t, command: [ls], script: ls } }] }",
        "{ runbook: a, steps: [{ id: a, notify: { message: m } }] }",
        "{ runbook: a, steps: [{ id: a, request: { method: GET } }] }",
        "{ runbook: a, steps: [{ id: a, parallel: { branches: { b: [] } } }] }",
        "{ runbook: a, steps: [{ id: a, parallel: { join: most, branches: { b: [{ id: c, pause: 1s }] } } }] }",
        "{ runbook: a, steps: [{ id: a, call: { with: { b: c } } }] }",
        "{ runbook: a, steps: [{ id: a, pause: 1s, undo: { pause: 1s } }] }",
        "{ runbook: a, steps: [{ id: a, pause: 1s }], on_failure: {} }",
        "{ runbook: a, steps: [{ id: a, pause: 1s }], on_failure: { undo: yes, steps: [{ id: b, pause: 1s }] } }",
        "{ runbook: a, steps: [{ id: a, pause: 1s }], properties: [{ never: { step: a } }] }",
        "{ runbook: a, steps: [{ id: a, pause: 1s }], properties: [{ often: { step: a } }] }",
        "{ runbook: a, steps: [{ id: a, pause: 1s }], triggers: [{ for: 1s }] }",
        "{ runbook: a, steps: [{ id: a, pause: 1s }], triggers: [{ condition: c, limit: twice }] }",
        "{ runbook: a, steps: [{ id: a, pause: 1s }], parameters: { p: { default: 1 } } }",
        "{ runbook: a, steps: [{ id: a, pause: 1s }], settings: { s: { type: int } } }",
        "{ runbook: a, steps: [{ id: a, pause: 1s }], settings: { s: { type: secret, default: a } } }",
    ])
    func `what the schema refuses of a runbook the parser refuses, too`(text: String) throws {
        let document = YAMLDocument.parse(SourceFile(path: "runbook.yaml", text: text))
        let root = try #require(document.root)
        #expect(!(try Schema("runbook").problems(with: JSON(root)).isEmpty))
        #expect(RunbookParser.parse(root).diagnostics.hasErrors)
    }

    @Test(arguments: [
        "people: []",
        "cluster: { name: a }",
        "cluster: { nodes: [{ name: a }] }",
        "cluster: { nodes: [{ host: a, port: 65536 }] }",
        "cluster: { nodes: [{ host: a, name: a b }] }",
        "cluster: { nodes: [{ host: a, datacentre: b }] }",
        "{ cluster: { nodes: [{ host: a }] }, services: { a: systemd } }",
        "{ cluster: { nodes: [{ host: a }] }, services: { a: { start: [] } } }",
        "{ cluster: { nodes: [{ host: a }] }, people: [{ roles: [sre] }] }",
        "{ cluster: { nodes: [{ host: a }] }, store: {} }",
        "{ cluster: { nodes: [{ host: a }] }, settings: { Settle: 2m } }",
        "{ cluster: { nodes: [{ host: a }] }, settings: { settle: { a: b } } }",
        "{ cluster: { nodes: [{ host: a }] }, clusters: { dr: { place: west } } }",
        "{ cluster: { nodes: [{ host: a }] }, security: { speak_for_others: 'yes' } }",
        "{ cluster: { nodes: [{ host: a }] }, notifications: { channels: { a: { kind: pager } } } }",
        "{ cluster: { nodes: [{ host: a }] }, notifications: { channels: { a: { kind: slack } } } }",
        "{ cluster: { nodes: [{ host: a }] }, notifications: { channels: { a: { kind: console, path: b } } } }",
        "{ cluster: { nodes: [{ host: a }] }, notifications: { smtp: { host: a, from: a@b, tls: maybe, to: [a@b] } } }",
        "{ cluster: { nodes: [{ host: a }] }, notifications: { smtp: { host: a, from: a@b } } }",
    ])
    func `what the schema refuses of a configuration the loader refuses, too`(text: String) throws {
        let document = YAMLDocument.parse(SourceFile(path: "selfheal.yaml", text: text), features: .configuration)
        let root = try #require(document.root)
        #expect(!(try Schema("selfheal").problems(with: JSON(root)).isEmpty))
        let loaded = SelfhealConfiguration.load(document, environment: [:], baseFolder: "/etc")
        #expect(loaded.configuration == nil)
    }

    // MARK: Words

    @Test func `the schema's words are the language's`() throws {
        func words<Word: CaseIterable & RawRepresentable>(_ type: Word.Type) -> [String] where Word.RawValue == String {
            type.allCases.map(\.rawValue)
        }
        let language = [
            words(Autonomy.self), words(Severity.self), words(RunOutcome.self), words(ParameterSyntax.Kind.self),
            words(ZooKeeperQuestion.self), words(KafkaQuestion.self), words(ServiceVerb.self), words(EffectClass.self),
            words(RepeatPolicy.self), ["all", "any"], words(ApproveAction.Silence.self), words(Retry.Backoff.self),
            words(BecomeMethod.self), words(ApprovalAnswer.self), words(NodeBeginning.self),
            words(DNSAddressType.self), words(AlertSyntax.CatchUp.self),
            // A setting is no secret.
            words(ParameterSyntax.Kind.self).filter { $0 != ParameterSyntax.Kind.secret.rawValue },
        ]
        let inRunbooks = try Schema("runbook").root.objects.compactMap { $0["enum"]?.arrayValue }
        #expect(Set(inRunbooks.map { $0.compactMap(\.stringValue) }) == Set(language))
        let inConfigurations = try Schema("selfheal").root.objects.compactMap { $0["enum"]?.arrayValue }
        #expect(
            Set(inConfigurations.map { $0.compactMap(\.stringValue) })
                == [
                    words(Channel.Mail.Encryption.self), ["systemctl"], words(BecomeMethod.self),
                    words(ZooKeeperQuestion.self), words(KafkaQuestion.self), words(DNSAddressType.self),
                    ["socket", "zookeeper", "kafka", "tls", "http", "jmx", "kubernetes"],
                ]
        )
    }
}
