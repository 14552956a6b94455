// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunSimulator
import RunVocabulary
import RunbookSource
import Testing

@Suite struct RehearsalTests {
    static func runbook(_ steps: String) -> String {
        """
        runbook: trial
        title: A trial
        parameters:
          pause: { type: duration, default: 1s }
        targets:
          ensemble: { role: zookeeper }
          brokers: { role: kafka_broker }
        triggers:
          - condition: brokers.exists(b, b.health == 'down')
            for: 20s
        autonomy: automatic
        steps:
        \(steps.split(separator: "\n").map { "  \($0)" }.joined(separator: "\n"))
        """
    }

    static func scenario(_ rest: String = "start: { at: 0s }") -> String {
        """
        scenario: trial
        cluster: { zookeeper: 3, brokers: 3 }
        \(rest)
        """
    }

    static func rehearse(
        _ steps: String,
        _ rest: String = "start: { at: 0s }",
        seed: UInt64 = 1
    ) throws -> RehearsalResult {
        try Rehearsing.run(
            Rehearsing.plan(text: self.runbook(steps)),
            in: Rehearsing.scenario(text: self.scenario(rest)),
            seed: seed
        )
    }

    static let restart = """
        - id: restart
          run: { targets: brokers, service: kafka, do: restart }
          timeout: 2m
          verify: { tcp: { port: broker }, expect: result.open }
        """

    @Test func `the same seed gives the same bytes, and another seed another timeline`() throws {
        let first = try Self.rehearse(Self.restart, seed: 7)
        let again = try Self.rehearse(Self.restart, seed: 7)
        let other = try Self.rehearse(Self.restart, seed: 8)
        #expect(first.json.text == again.json.text)
        #expect(first.text == again.text)
        #expect(first.timeline != other.timeline)
    }

    @Test func `a timeline stands in columns and ends with how it came out`() throws {
        let scenario = """
            start: { at: 90s }
            durations: { stop_broker: 5s, start_broker: 10s, catch_up: 1m, command: 0s, probe: 0s }
            """
        let steps = """
            - id: restart
              run: { targets: "[brokers[0]]", service: kafka, do: restart }
              timeout: 2m
              verify: { tcp: { port: broker }, expect: result.open, every: 5s }
            """
        #expect(
            try Self.rehearse(steps, scenario).text == """
                T+0s     world    zk1, zk2, zk3 up; kafka1, kafka2, kafka3 up
                T+1m30s  trigger  the scenario starts trial
                T+1m30s  act      restart  kafka1: restart kafka
                T+1m45s  world    kafka1 takes connections: 60 partitions under-replicated, 0 offline
                T+1m45s  act      restart  kafka1: succeeded
                T+1m45s  end      succeeded

                succeeded after 15s
                """
        )
    }

    @Test func `a trigger starts the run once its condition has held long enough`() throws {
        let result = try Self.rehearse(
            "- id: done\n  finish: { outcome: succeeded }",
            "timeline: [{ at: 1s, kill: kafka2 }]\nmonitors: { every: 10s }"
        )
        #expect(try result.entry(.trigger, "holds; it must for 20s").at.milliseconds / 1_000 == 10)
        #expect(try #require(result.startedAt).milliseconds / 1_000 == 30)
    }

    @Test func `a condition that stops holding does not start the run later`() throws {
        let plan = try Rehearsing.plan(text: Self.runbook(Self.restart))
        let scenario = try Rehearsing.scenario(
            text: Self.scenario(
                """
                timeline: [{ at: 1s, kill: kafka2 }, { at: 12s, start: kafka2 }]
                durations: { start_broker: 1s }
                monitors: { every: 10s }
                until: 5m
                """
            )
        )
        let (result, diagnostics) = Rehearsal.run(plan, in: scenario, seed: 1)
        #expect(result?.ending == .notStarted(reason: "the trigger's condition does not hold"))
        #expect(result?.isWell == false)
        #expect(diagnostics.map(\.code) == [Diagnostic.Code(612)])
    }

    @Test func `what a monitor cannot see does not trigger`() throws {
        let plan = try Rehearsing.plan(text: Self.runbook(Self.restart))
        let text = Self.scenario("timeline: [{ at: 1s, cut: kafka2 }]\nuntil: 10m")
        let (result, diagnostics) = Rehearsal.run(plan, in: try Rehearsing.scenario(text: text), seed: 1)
        #expect(result?.outcome == nil)
        #expect(result?.timeline.contains { $0.text == "cannot be seen" } ?? false)
        #expect(diagnostics.map(\.code) == [Diagnostic.Code(612)])
    }

    @Test func `a plan without triggers cannot wait for one`() throws {
        var plan = try Rehearsing.plan(text: Self.runbook(Self.restart))
        plan.triggers = []
        let (result, diagnostics) = Rehearsal.run(plan, in: try Rehearsing.scenario(text: Self.scenario("")), seed: 1)
        #expect(result == nil)
        #expect(diagnostics.map(\.code) == [Diagnostic.Code(611)])
    }

    @Test func `with autonomy observe a trigger tells and starts nothing`() throws {
        var plan = try Rehearsing.plan(text: Self.runbook(Self.restart))
        plan.autonomy = .observe
        let scenario = try Rehearsing.scenario(text: Self.scenario("timeline: [{ at: 1s, kill: kafka2 }]"))
        let result = try Rehearsing.run(plan, in: scenario)
        #expect(result.path == [])
        #expect(result.ending == .notStarted(reason: "'autonomy: observe' tells people and starts nothing"))
    }

    @Test func `commands fail as often as the scenario says`() throws {
        let steps = """
            - id: restart
              run: { targets: "[brokers[2]]", service: kafka, do: restart }
              timeout: 2m
              retry: { attempts: 3, backoff: fixed, initial: 5s }
            """
        let twice = "start: { at: 0s }\ncommands: [{ do: restart, on: kafka3, fails: 2, status: 7, says: no space }]"
        let result = try Self.rehearse(steps, twice)
        #expect(result.outcome == .succeeded)
        #expect(result.commands.count == 3)
        #expect(try result.entry(.note, "exit status 7: no space").text.hasPrefix("attempt 2 in 5.0s"))

        let always = "start: { at: 0s }\ncommands: [{ do: restart, on: kafka3, fails: always }]"
        #expect(try Self.rehearse(steps, always).outcome == .failed)
        let elsewhere = "start: { at: 0s }\ncommands: [{ do: stop, on: kafka3, fails: always }]"
        #expect(try Self.rehearse(steps, elsewhere).commands.count == 1)
    }

    @Test func `a command that hangs is stopped by its timeout`() throws {
        let result = try Self.rehearse(Self.restart, "start: { at: 0s }\ncommands: [{ on: kafka1, hangs: always }]")
        #expect(result.outcome == .failed)
        #expect(try result.entry(.act, "timed_out").at.milliseconds == 120_000)
        #expect(result.commands == ["kafka1: restart kafka"])
    }

    @Test func `a host that is cut off is not sent anything`() throws {
        let result = try Self.rehearse(Self.restart, "start: { at: 5s }\ntimeline: [{ at: 1s, cut: kafka1 }]")
        #expect(result.outcome == .failed)
        #expect(try result.entry(.act, "failed: not sent: no connection to kafka1 within 10s").target == "kafka1")
    }

    @Test func `a run in doubt that nobody settles names what it waits for`() throws {
        let steps = "- id: restart\n  run: { targets: brokers, service: kafka, do: restart }\n  timeout: 2m"
        let plan = try Rehearsing.plan(text: Self.runbook(steps))
        let rest = "start: { at: 0s }\ncommands: [{ on: kafka2, doubtful: 1 }]\nuntil: 30m"
        let scenario = try Rehearsing.scenario(text: Self.scenario(rest))
        let (result, diagnostics) = Rehearsal.run(plan, in: scenario, seed: 1)
        #expect(result?.ending == .unfinished(waitsFor: ["a person to settle restart on kafka2"]))
        #expect(result?.endedAt == Instant(milliseconds: 30 * 60_000))
        #expect(diagnostics.map(\.code) == [Diagnostic.Code(610)])
        #expect(diagnostics.first?.notes.map(\.message) == ["it waits for a person to settle restart on kafka2"])
    }

    @Test func `a denial closes the gate`() throws {
        let steps = """
            - id: ask
              approve: { message: May we?, from: ["role:sre"], needed: 1, timeout: 10m, on_timeout: refused }
            """
        let denied = "start: { at: 0s }\npeople: { ada: { roles: [sre], answer: deny, after: 40s } }"
        let result = try Self.rehearse(steps, denied)
        #expect(result.outcome == .failed)
        #expect(try result.entry(.step, "refused: denied by ada").at.milliseconds == 40_000)
        let late = "start: { at: 0s }\npeople: { ada: { roles: [sre], after: 11m } }"
        #expect(try Self.rehearse(steps, late).entry(.step, "0 of 1 approvals when the time was up").step == "ask")
    }

    @Test func `parameters come from the caller, then the scenario, then the runbook`() throws {
        let plan = try Rehearsing.plan(text: Self.runbook("- id: rest\n  pause: parameters.pause"))
        func seconds(_ rest: String, _ given: [String: String] = [:]) throws -> Int64? {
            let scenario = try Rehearsing.scenario(text: Self.scenario("start: { at: 0s }\n\(rest)"))
            return Rehearsal.run(plan, in: scenario, seed: 1, given: given).result?.duration.map { $0.count / 1_000 }
        }
        #expect(try seconds("") == 1)
        #expect(try seconds("parameters: { pause: 5s }") == 5)
        #expect(try seconds("parameters: { pause: 5s }", ["pause": "9s"]) == 9)
    }

    @Test(arguments: [
        (["pause": "soon"], "'soon' is no value of parameter 'pause'"),
        (["paus": "1s"], "runbook 'trial' has no parameter 'paus'"),
    ])
    func `a parameter that does not fit is refused`(given: [String: String], message: String) throws {
        let plan = try Rehearsing.plan(text: Self.runbook(Self.restart))
        let scenario = try Rehearsing.scenario(text: Self.scenario())
        let (result, diagnostics) = Rehearsal.run(plan, in: scenario, seed: 1, given: given)
        #expect(result == nil)
        #expect(diagnostics.map(\.message) == [message])
        #expect(diagnostics.map(\.code) == [Diagnostic.Code(613)])
    }

    // Goal: our own act makes what was seen before it old, however fast it was.
    // Method: stop two brokers in turn, each only while all others serve; the second stop comes within `fresh` of the first look.
    @Test func `a guard looks again after an act of the run`() throws {
        let steps = """
            - id: stop
              run: { targets: "brokers.filter(b, b.name != 'kafka3')", service: kafka, do: stop }
              timeout: 1m
              require: size(brokers.filter(b, b.serving)) == size(brokers)
            """
        let result = try Self.rehearse(steps, "start: { at: 0s }\ndurations: { stop_broker: 1s }")
        #expect(result.commands == ["kafka1: stop kafka"])
        #expect(try result.entry(.act, "refused").target == "kafka2")
    }

    @Test func `a selection without nodes is warned of`() throws {
        let plan = try Rehearsing.plan(text: Self.runbook("- id: done\n  finish: { outcome: succeeded }"))
        let text = "scenario: small\ncluster: { brokers: 1 }\nstart: { at: 0s }"
        let (result, diagnostics) = Rehearsal.run(plan, in: try Rehearsing.scenario(text: text), seed: 1)
        #expect(result?.isWell == true)
        #expect(diagnostics.map(\.code) == [Diagnostic.Code(616)])
        #expect(!diagnostics.hasErrors)
    }
}
