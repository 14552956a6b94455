// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunSimulator
import RunVocabulary
import RunbookSource
import Testing

/// What a scenario has probes told, and how that meets what the world does by itself.
@Suite struct AnswerTests {
    private static func world(_ answers: String) throws -> SimulatedWorld {
        let text = """
            scenario: answering
            cluster: { brokers: 3, nodes: { host1: { roles: [witness] }, host2: { roles: [witness] } } }
            answers:
            \(answers)
            """
        return SimulatedWorld(try Rehearsing.scenario(text: text), seed: 1)
    }

    @Test func `the latest answer whose time has come applies`() throws {
        var world = try Self.world(
            """
              - { ssh: look, exit_status: 3, from: 2m }
              - { ssh: look, exit_status: 2, from: 1m }
              - { ssh: look, exit_status: 1 }
            """
        )
        func status() -> Fact? { world.facts(of: "host1", asking: .ssh(["look"]))["exit_status"] }
        #expect(status() == .int(1))
        world.advance(to: Instant(milliseconds: 60_000))
        #expect(status() == .int(2))
        world.advance(to: Instant(milliseconds: 121_000))
        #expect(status() == .int(3))
    }

    @Test(arguments: [
        (["/opt/site/lock", "held", "run-1"], true), (["lock", "held"], true),
        (["lock"], false), (["lock", "take"], false), (["/opt/unlock", "held"], false),
        (["sudo", "lock", "held"], false),
    ])
    func `a command is known by its first words, with or without its folder`(command: [String], isKnown: Bool) throws {
        let world = try Self.world("  - { ssh: [lock, held], stdout: mine }")
        let facts = world.facts(of: "host1", asking: .ssh(command))
        #expect(facts["stdout"] == (isKnown ? .string("mine") : nil))
        #expect(facts["answered"] == (isKnown ? .bool(true) : nil))
    }

    @Test func `an answer of one node is none of another, and a cut wire carries none`() throws {
        var world = try Self.world("  - { ssh: look, on: host1 }")
        #expect(world.facts(of: "host1", asking: .ssh(["look"]))["exit_status"] == .int(0))
        #expect(world.facts(of: "host2", asking: .ssh(["look"]))["exit_status"] == nil)
        world.strike(.cut, ["host1"])
        #expect(world.isSilent("host1", to: .ssh(["look"])))
        #expect(world.facts(of: "host1", asking: .ssh(["look"])) == ["problem": .string("timed out")])
    }

    @Test func `a silent program lets the probe run out`() throws {
        let world = try Self.world("  - { ssh: look, silent: true }")
        #expect(world.isSilent("host1", to: .ssh(["look"])))
        #expect(!world.isSilent("host1", to: .ssh(["other"])))
    }

    @Test func `an address is answered by path or whole, and by the engine's own look too`() throws {
        let world = try Self.world(
            """
              - { http: /health, status: 503, body: busy }
              - { http: "https://status.example.com/", status: 204 }
            """
        )
        let health = world.facts(of: "host1", asking: .http(url: nil, port: "main", path: "/health"))
        #expect(health["status"] == .int(503) && health["body"] == .string("busy"))
        let page = ProbeOrder.Question.http(url: "https://status.example.com/", port: nil, path: "/")
        #expect(world.scriptedFacts(of: nil, asking: page)["status"] == .int(204))
        #expect(world.facts(of: "host1", asking: .http(url: nil, port: "main", path: "/"))["answered"] == nil)
    }

    @Test func `certificates, queries, names and attributes are what the scenario says`() throws {
        let world = try Self.world(
            """
              - { tls: 9093, days_left: 3, names: [a.example] }
              - { tls: "b.example:443", trusted: false }
              - { prometheus: up == 0 }
              - { prometheus: load, value: 1.5 }
              - { prometheus: lag, values: [{ labels: { group: a }, value: 7 }, { value: .nan }] }
              - { dns: a.example, addresses: [192.0.2.1, 192.0.2.2] }
              - { dns: gone.example }
              - { jmx: "java.lang:type=Memory HeapMemoryUsage/used", value: 5 }
              - { jmx: "a:b=c State", text: RUNNING, on: host1 }
            """
        )
        func told(_ question: ProbeOrder.Question) -> [String: Fact] { world.scriptedFacts(of: nil, asking: question) }
        let port = world.facts(of: "host1", asking: .tls(TLSQuestion(address: nil, port: "9093", name: nil)))
        #expect(port["trusted"] == .bool(true) && port["days_left"] == .int(3))
        #expect(port["not_after"] == .moment(Instant(milliseconds: 3 * 86_400_000)))
        #expect(port["names"] == .strings(["a.example"]))
        let other = told(.tls(TLSQuestion(address: "b.example:443", port: nil, name: nil)))
        #expect(other["trusted"] == .bool(false) && other["days_left"] == .int(90))

        func query(_ text: String) -> [String: Fact] {
            told(.prometheus(PrometheusQuestion(url: "http://p", query: text)))
        }
        #expect(query("up == 0")["values"] == .samples([]) && query("up == 0")["value"] == nil)
        #expect(query("load")["value"] == .double(1.5))
        guard case .samples(let samples) = query("lag")["values"] else {
            Issue.record("\(query("lag"))")
            return
        }
        #expect(samples.map(\.labels) == [["group": "a"], [:]] && samples[0].value == 7 && samples[1].value.isNaN)
        #expect(query("lag")["value"] == nil && query("other")["answered"] == nil)

        func addresses(_ name: String) -> Fact? {
            told(.dns(DNSQuestion(name: name, type: .four, server: nil)))["addresses"]
        }
        #expect(addresses("a.example") == .strings(["192.0.2.1", "192.0.2.2"]))
        #expect(addresses("gone.example") == .strings([]) && addresses("b.example") == nil)

        func attribute(_ mbean: String, _ attribute: String, _ path: String?) -> ProbeOrder.Question {
            .jmx(JMXQuestion(url: nil, port: "1", mbean: mbean, attribute: attribute, path: path))
        }
        let heap = told(attribute("java.lang:type=Memory", "HeapMemoryUsage", "used"))
        #expect(heap["value"] == .double(5) && heap["text"] == .string("5.0"))
        #expect(told(attribute("java.lang:type=Memory", "HeapMemoryUsage", nil))["answered"] == nil)
        #expect(world.facts(of: "host1", asking: attribute("a:b=c", "State", nil))["text"] == .string("RUNNING"))
        #expect(world.facts(of: "host2", asking: attribute("a:b=c", "State", nil))["text"] == nil)
    }

    @Test func `a rehearsal goes by what metrics are said to be`() throws {
        let plan = try Rehearsing.plan(
            text: """
                runbook: measuring
                title: Measures
                severity: info
                steps:
                  - id: look
                    probe: { prometheus: { url: "http://p:9090", query: lag } }
                    timeout: 5s
                  - id: route
                    choose:
                      - when: "steps.look.results.all(r, r.value < 10)"
                        next: done
                      - otherwise: late
                      - if_unknown: lost
                  - id: done
                    finish: { outcome: succeeded }
                  - id: late
                    finish: { outcome: failed }
                  - id: lost
                    finish: { outcome: escalated }
                """
        )
        func outcome(_ answer: String) throws -> RunOutcome? {
            let text = """
                scenario: measured
                cluster: { nodes: { host1: { roles: [witness] } } }
                start: { at: 0s }
                answers: [{ prometheus: lag, \(answer) }]
                """
            return Rehearsal.run(plan, in: try Rehearsing.scenario(text: text), seed: 1).0?.outcome
        }
        #expect(try outcome("value: 9.5") == .succeeded)
        #expect(try outcome("value: 10") == .failed)
        #expect(try outcome("value: .nan") == .escalated)
        #expect(try outcome("values: []") == .escalated)
        #expect(try outcome("silent: true") == .escalated)
    }

    @Test func `a broker says what it is told to, if it is asked and runs`() throws {
        var world = try Self.world("  - { kafka: { lag_seconds: 90, offline: 7 }, on: kafka1 }")
        let asked = world.facts(of: "kafka1", asking: .kafka([.metadata, .replication, .lag]))
        #expect(asked["lag_seconds"] == .int(90) && asked["offline"] == .int(7))
        #expect(asked["under_replicated"] == .int(0))
        #expect(world.facts(of: "kafka1", asking: .kafka([.metadata]))["offline"] == nil)
        #expect(world.facts(of: "kafka2", asking: .kafka([.lag]))["lag_seconds"] == nil)
        world.strike(.kill, ["kafka1"])
        #expect(world.facts(of: "kafka1", asking: .kafka([.lag]))["lag_seconds"] == nil)
    }

    @Test func `an answer that no step asks for is a slip of the pen`() throws {
        let plan = try Rehearsing.plan(
            text: """
                runbook: asking
                title: Asks a program
                severity: info
                parameters: { folder: { type: string, default: /opt } }
                targets: { witnesses: { role: witness } }
                steps:
                  - id: look
                    probe: { targets: witnesses, ssh: { command: ["${{ parameters.folder }}/can-reach", east] } }
                    timeout: 5s
                  - id: done
                    finish: { outcome: succeeded }
                """
        )
        func codes(_ answer: String) throws -> (codes: [Diagnostic.Code], help: [String?]) {
            let text = """
                scenario: asked
                cluster: { nodes: { host1: { roles: [witness] } } }
                start: { at: 0s }
                answers: [\(answer)]
                """
            let (_, diagnostics) = Rehearsal.run(plan, in: try Rehearsing.scenario(text: text), seed: 1)
            return (diagnostics.map(\.code), diagnostics.map(\.help))
        }
        #expect(try codes("{ ssh: can-reach }").codes == [])
        #expect(try codes("{ ssh: [can-reach, east] }").codes == [])
        #expect(try codes("{ ssh: [can-reach, west] }").codes == [Diagnostic.Code(618)])
        #expect(try codes("{ http: / }").codes == [Diagnostic.Code(618)])
        #expect(try codes("{ ssh: can-raech }").help == ["did you mean 'ssh: can-reach'?"])
    }
}
