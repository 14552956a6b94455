// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunSimulator
import RunVocabulary
import RunbookSource
import TestSupport
import Testing

@Suite struct ScenarioReaderTests {
    /// Uses every key of the format.
    static let everything = """
        scenario: everything
        title: Every key
        cluster:
          name: prod
          id: abc
          znodes: 42
          partitions: 12
          zookeeper:
            zk1: { state: down, data: stale, epoch: 7, zxid: 0x700000001, observer: false, datacenter: east }
            zk2:
          brokers:
            kafka1: { state: down, datacenter: west }
            kafka2: {}
          nodes:
            witness1: { roles: [witness], service: watchdog, state: down, datacenter: north }
        timeline:
          - { at: 2m, kill: kafka1 }
          - { at: 1m, wipe: [zk1] }
          - { at: 3m, cut: zk2 }
          - { at: 4m, hang: kafka2 }
          - { at: 5m, heal: [kafka2, zk2] }
          - { at: 6m, start: zk1 }
        durations:
          start_member: 1s
          stop_member: 2s
          start_broker: { min: 3s, max: 4s }
          stop_broker: 5s
          catch_up: 6s
          election: 7s
          command: 8s
          probe: 9ms
          notice: 10s
        people:
          bo: { roles: sre, answer: never }
          ada: { roles: [sre, dba], answer: deny, after: { min: 1s, max: 2s } }
        commands:
          - { do: start, step: start_broker, on: kafka1, fails: 2, status: 7, says: no space }
          - { on: kafka2, hangs: always }
          - { on: zk1, doubtful: 1 }
        answers:
          - { ssh: [lock, held], on: witness1, from: 5m, exit_status: 1, stdout: no, stderr: taken }
          - { http: /health, status: 503, body: busy }
          - kafka: { under_replicated: 1, offline: 2, at_min_isr: 3, under_min_isr: 5, lag_seconds: 4, lag_messages: 6 }
            on: [kafka1, kafka2]
          - { ssh: can-reach, from: 1m, silent: true }
          - { tls: main, from: 9m, trusted: false, days_left: 3, names: [a, b] }
          - { prometheus: up, from: 9m, value: 2.5, values: [{ labels: { a: b }, value: 3 }] }
          - { dns: x, from: 9m, addresses: 192.0.2.1 }
          - { jmx: x, from: 9m, text: y }
        monitors: { every: 10s, timeout: 2s, down_after: 3, up_after: 2 }
        watch:
          ask: { from: [role:sre, person:ada], timeout: 7m }
          cooldown: 4m
          concurrent_runs: 3
          panic_threshold: 60
          afterwards: 8m
        start: { at: 30s }
        parameters: { settle_time: 5s, depth: 3 }
        until: 1h
        """

    @Test func `every key is read`() throws {
        let scenario = try Rehearsing.scenario(text: Self.everything)
        #expect(scenario.name == "everything")
        #expect(scenario.cluster.name == "prod" && scenario.cluster.id == "abc")
        #expect(scenario.cluster.znodes == 42 && scenario.cluster.partitions == 12)
        var member = Scenario.Member(name: "zk1")
        member.process = .down
        member.holding = .stale
        member.epoch = 7
        member.zxid = 0x7_0000_0001
        member.datacenter = "east"
        #expect(scenario.cluster.members == [member, Scenario.Member(name: "zk2")])
        #expect(scenario.cluster.brokers.map(\.process) == [.down, .up])
        #expect(scenario.faults.map(\.kind) == [.wipe, .kill, .cut, .hang, .heal, .start])
        #expect(scenario.faults[4] == Scenario.Fault(at: .minutes(5), .heal, ["kafka2", "zk2"]))
        #expect(scenario.durations.startBroker == .seconds(3) ... .seconds(4))
        #expect(scenario.durations.probe == Milliseconds(9)...Milliseconds(9))
        let ada = Scenario.Person(
            name: "ada",
            roles: ["sre", "dba"],
            answer: .deny,
            after: .seconds(1) ... .seconds(2)
        )
        #expect(scenario.people == [ada, Scenario.Person(name: "bo", roles: ["sre"], answer: .never)])
        let step = scenario.mishaps[0].step
        #expect(step?.value == "start_broker")
        #expect(
            scenario.mishaps == [
                Scenario.Mishap(
                    verb: "start",
                    step: step,
                    node: "kafka1",
                    kind: .fails(status: 7, says: "no space"),
                    times: 2
                ),
                Scenario.Mishap(verb: "any", node: "kafka2", kind: .hangs, times: nil),
                Scenario.Mishap(verb: "any", node: "zk1", kind: .doubtful, times: 1),
            ]
        )
        #expect(scenario.cluster.hosts.map(\.roles) == [["witness"]])
        #expect(scenario.cluster.hosts.map(\.service) == ["watchdog"])
        #expect(scenario.cluster.hosts.map(\.process) == [.down])
        #expect(scenario.monitors.every == .seconds(10) && scenario.monitors.downAfter == 3)
        let watch = try #require(scenario.watch)
        #expect(watch.askFrom == [.role("sre"), .person("ada")] && watch.askFor == .minutes(7))
        #expect(watch.cooldown == .minutes(4) && watch.concurrentRuns == 3 && watch.panicThreshold == 60)
        #expect(watch.afterwards == .minutes(8))
        #expect(scenario.start == .at(.seconds(30)))
        #expect(scenario.parameters.map(\.text) == ["5s", "3"])
        #expect(scenario.until == .minutes(60))
    }

    @Test func `answers are read in the order of their moments`() throws {
        let all = try Rehearsing.scenario(text: Self.everything).answers
        #expect(all.suffix(4).map(\.question) == [.tls("main"), .prometheus("up"), .dns("x"), .jmx("x")])
        let answers = Array(all.dropLast(4))
        #expect(answers.map(\.question) == [.http("/health"), .kafka, .ssh(["can-reach"]), .ssh(["lock", "held"])])
        #expect(answers.map(\.from) == [.zero, .zero, .minutes(1), .minutes(5)])
        #expect(answers.map(\.nodes) == [[], ["kafka1", "kafka2"], [], ["witness1"]])
        #expect(answers.map(\.isSilent) == [false, false, true, false])
        #expect(answers[0].facts == ["status": .int(503), "body": .string("busy")])
        #expect(answers[1].facts["lag_seconds"] == .int(4) && answers[1].facts["at_min_isr"] == .int(3))
        #expect(answers[1].facts["lag_messages"] == .int(6) && answers[1].facts["under_min_isr"] == .int(5))
        #expect(answers[2].facts == [:])
        #expect(answers[3].facts == ["exit_status": .int(1), "stdout": .string("no"), "stderr": .string("taken")])
    }

    @Test func `numbers name the nodes, and what is left out has a default`() throws {
        let scenario = try Rehearsing.scenario(text: "scenario: small\ncluster: { zookeeper: 2, brokers: 1 }")
        #expect(scenario.cluster.nodeNames == ["zk1", "zk2", "kafka1"])
        #expect(scenario.start == .onTrigger)
        #expect(scenario.until == Scenario.defaultLimit)
        #expect(scenario.monitors.every == .seconds(15))
    }

    @Test(arguments: [
        ("cluster: ❶[zk1]❶", 600), ("cluster: { brokers: 1, ❶broker❶: 2 }", 601),
        ("cluster: { brokers: 1 }\ntimeline: [❶{ kill: kafka1 }❶]", 602),
        ("cluster: { brokers: 1 }\nstart: ❶on_triger❶", 603),
        ("cluster: { brokers: 1 }\nuntil: ❶90❶", 604),
        ("cluster: { brokers: 1 }\nmonitors: { every: ❶10ms❶ }", 605),
        ("cluster: { brokers: ❶-1❶ }", 605),
        ("cluster: { brokers: 1 }\ndurations: { catch_up: ❶{ min: 2s, max: 1s }❶ }", 606),
        ("cluster: { brokers: 1 }\ntimeline: [{ at: 1s, kill: [kafka1, ❶kafka2❶] }]", 607),
        ("cluster: { brokers: 1 }\ncommands: [{ on: ❶kafka9❶, fails: 1 }]", 607),
        ("cluster: { zookeeper: { n: {} }, brokers: { ❶n❶: {} } }", 608),
        ("cluster: { brokers: 1 }\ntimeline: [❶{ at: 1s }❶]", 609),
        ("cluster: { brokers: 1 }\ntimeline: [❶{ at: 1s, kill: kafka1, cut: kafka1 }❶]", 609),
        ("cluster: { brokers: 1 }\ncommands: [❶{ on: kafka1 }❶]", 602),
        ("cluster: ❶{ name: empty }❶", 614),
        ("cluster: { nodes: { w: ❶{ datacenter: east }❶ } }", 602),
        ("cluster: { brokers: { n: {} }, nodes: { ❶n❶: { roles: [witness] } } }", 608),
        ("cluster: { brokers: 1 }\nanswers: [❶{ exit_status: 1 }❶]", 617),
        ("cluster: { brokers: 1 }\nanswers: [❶{ ssh: a, http: / }❶]", 617),
        ("cluster: { brokers: 1 }\nanswers: [{ ssh: a, on: ❶kafka9❶ }]", 607),
        ("cluster: { brokers: 1 }\nanswers: [❶{ ssh: a, on: [] }❶]", 602),
        ("cluster: { brokers: 1 }\nanswers: [{ ssh: a, exit_status: ❶256❶ }]", 605),
        ("cluster: { brokers: 1 }\nanswers: [{ ssh: a, ❶status❶: 200 }]", 601),
        ("cluster: { brokers: 1 }\nanswers: [{ kafka: { ❶lag❶: 5 } }]", 601),
        ("cluster: { brokers: 1 }\nanswers: [{ ssh: ❶[]❶ }]", 600),
    ])
    func `a mistake is found at its place`(text: String, code: UInt16) {
        let source = MarkedSource(path: "scenario.yaml", "scenario: wrong\n\(text)\n")
        let (scenario, diagnostics) = Rehearsing.read(source.file)
        #expect(scenario == nil)
        #expect(diagnostics.map(\.code) == [Diagnostic.Code(code)])
        #expect(diagnostics.map(\.span) == [source["❶"]])
    }

    @Test func `all mistakes are found in one pass`() {
        let file = SourceFile(
            path: "scenario.yaml",
            text: """
                scenario: wrong
                cluster: { brokers: 2 }
                timeline:
                  - { at: 30, kill: kafka7 }
                people: { ada: { anwser: grant } }
                monitors: { down_after: 0 }
                """
        )
        let (scenario, diagnostics) = Rehearsing.read(file)
        #expect(scenario == nil)
        #expect(diagnostics.map(\.code.number) == [604, 607, 601, 605])
        #expect(diagnostics[2].help == "did you mean 'answer'?")
    }

    // Goal: editors complete what the reader knows, no more and no less.
    // Method: collect the property names of the schema, and the keys of the scenario that uses every one of them.
    @Test func `the schema knows the keys that the reader knows`() throws {
        let url = Rehearsing.repository.appending(path: "schemas/scenario.schema.json")
        let schema = try JSON(parsing: Array(Data(contentsOf: url)))
        var properties: Set<String> = []
        func collect(_ json: JSON) {
            for member in json.members ?? [] {
                if member.name == "properties" {
                    properties.formUnion((member.value.members ?? []).map(\.name))
                }
                collect(member.value)
            }
            for element in json.arrayValue ?? [] { collect(element) }
        }
        collect(schema)
        let words = Self.everything.split { !($0.isLetter || $0 == "_" || $0 == ":") }.map(String.init)
        let names: Set = ["kafka1", "kafka2", "zk1", "zk2", "ada", "bo", "settle_time", "depth"]
        let keys = Set(words.filter { $0.hasSuffix(":") }.map { String($0.dropLast()) }).subtracting(names)
        #expect(properties.subtracting(keys).sorted() == [])
        #expect(keys.subtracting(properties).filter { $0.count > 2 }.sorted() == [])
    }

    // Goal: a page shows the mistake that it explains, and its fix is one.
    // Method: read the first example of every page about scenarios, then the one behind the fix.
    @Test(arguments: Array(600...618) + [630, 700, 701, 702])
    func `every page's example gives its diagnostic, and its fix gives none`(number: Int) throws {
        let code = Diagnostic.Code(UInt16(number))
        let url = Rehearsing.repository.appending(path: "docs/diagnostics/\(code).md")
        let page = try String(contentsOf: url, encoding: .utf8)
        #expect(page.hasPrefix("# \(code): "))
        #expect(page.contains("\n## What it means\n") && page.contains("\n## The fix\n"))
        let examples = page.components(separatedBy: "```yaml\n").dropFirst().map {
            $0.components(separatedBy: "```")[0]
        }
        func codes(_ text: String) -> [Diagnostic.Code] {
            Rehearsing.read(SourceFile(path: "p", text: text)).diagnostics.map(\.code)
        }
        // From here on it takes a runbook to go wrong.
        let isShownAlone = ![610, 611, 612, 613, 615, 616, 618, 630].contains(number)
        #expect(codes(try #require(examples.first)) == (isShownAlone ? [code] : []))
        for fix in examples.dropFirst() {
            #expect(codes(fix) == [])
        }
    }
}
