// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVerifier
import RunVocabulary
import Testing

// Goal: each property is found broken where it is, and holds where it does.
// Method: small runbooks in pairs that differ by one guard.
@Suite struct PropertyTests {
    private static let start = """
          - id: start_all
            run: { targets: ensemble, service: zookeeper, do: start, batch: { size: 1, max_failures: 0 } }
        """

    @Test func `an act whose condition nobody looked at breaks never`() throws {
        let property = "  - never: { step: restart, unless: \"ensemble.all(n, n.serving)\" }"
        let act = "run: { targets: ensemble, service: zookeeper, do: restart, batch: { size: 1, max_failures: 0 } }"
        let text = "never 'restart' unless ensemble.all(n, n.serving)"
        let blind = try Prover(begin: ["ensemble": [.up]]).report(
            on: Prover.runbook("  - id: restart\n    \(act)", properties: property)
        )
        #expect(blind.violated.contains(text))
        #expect(blind.areTracesReal)
        let guarded = try Prover(begin: ["ensemble": [.up, .down]]).report(
            on: Prover.runbook(
                "  - id: restart\n    \(act)\n    require: ensemble.all(n, n.serving)",
                properties: property
            )
        )
        #expect(!guarded.violated.contains(text))
    }

    @Test func `what held when it was seen can be untrue when the act begins, and the fault is named`() throws {
        let steps = """
              - id: restart
                run: { targets: "[ensemble[0]]", service: zookeeper, do: restart }
                require: ensemble.all(n, n.serving)
            """
        let properties = "  - never: { step: restart, unless: \"ensemble.all(n, n.serving)\", truth: true }"
        let text = "never, in truth, 'restart' unless ensemble.all(n, n.serving)"
        let lucky = try Prover(begin: ["ensemble": [.up]]).report(on: Prover.runbook(steps, properties: properties))
        #expect(!lucky.violated.contains(text))
        let report = try Prover(faults: 1, begin: ["ensemble": [.up]]).report(
            on: Prover.runbook(steps, properties: properties)
        )
        let trace = try #require(report.trace(of: text))
        #expect(trace.luck.faults == 1)
        #expect(trace.lines.contains { $0.isBadLuck })
        #expect(report.areTracesReal)
    }

    @Test func `starting empty members first begins a history without data`() throws {
        let looksAtNothing = try Prover(begin: ["ensemble": [.down, .lost]]).report(on: Prover.runbook(Self.start))
        #expect(looksAtNothing.violated.contains("no act of ours loses or forks data"))
        #expect(looksAtNothing.areTracesReal)
        let nothingIsLost = try Prover(begin: ["ensemble": [.down]]).report(on: Prover.runbook(Self.start))
        #expect(!nothingIsLost.violated.contains("no act of ours loses or forks data"))
    }

    @Test func `stopping a second voter takes the quorum away`() throws {
        let stop = """
              - id: stop_two
                run: { targets: "[ensemble[0], ensemble[1]]", service: zookeeper, do: stop }
                require: ensemble.all(n, n.answered || !n.answered)
            """
        let report = try Prover(begin: ["ensemble": [.up]]).report(
            on: Prover.runbook(stop, properties: "  - at_most: { down_by_us: 1, of: ensemble }")
        )
        #expect(report.violated.contains("no act of ours takes a quorum away"))
        #expect(report.violated.contains("at most 1 of 'ensemble' down by us"))
        #expect(report.areTracesReal)
        let one = stop.replacing("[ensemble[0], ensemble[1]]", with: "[ensemble[0]]")
        let gentle = try Prover(begin: ["ensemble": [.up]]).report(
            on: Prover.runbook(one, properties: "  - at_most: { down_by_us: 1, of: ensemble }")
        )
        #expect(gentle.violated.isEmpty || !gentle.violated.contains("no act of ours takes a quorum away"))
        #expect(!gentle.violated.contains("at most 1 of 'ensemble' down by us"))
    }

    @Test func `data is lost only after somebody approved`() throws {
        let wipe = "  - id: wipe\n    run: { targets: \"[ensemble[0]]\", command: [rm, data], effect: wipes }"
        let report = try Prover(begin: ["ensemble": [.up]]).report(on: Prover.runbook(wipe))
        #expect(report.violated.contains("a person approved before anything that can lose data"))
        let gate = """
              - id: ask
                approve: { message: wipe?, from: [role:sre], timeout: 5m, on_timeout: refused }

            """
        let gated = try Prover(begin: ["ensemble": [.up]]).report(on: Prover.runbook(gate + wipe))
        #expect(!gated.violated.contains("a person approved before anything that can lose data"))
    }

    @Test func `a run that gives up without a word is found`() throws {
        let silent = try Prover(begin: ["ensemble": [.up]]).report(
            on: """
                runbook: sample
                targets: { ensemble: { role: zookeeper } }
                steps:
                  - id: look
                    probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
                  - id: give_up
                    finish: { outcome: escalated }
                """
        )
        #expect(silent.violated == ["a person is told when it gives up"])
    }

    @Test func `order, passage and possibility are judged`() throws {
        let steps = """
              - id: look
                when: "false"
                probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
            \(Self.start)
            """
        let properties = """
              - before: { first: look, then: start_all }
              - every_path: { passes: look, unless: failed }
              - every_path: { notifies: oncall, unless: succeeded }
              - possible: { ends: escalated }
              - possible: { ends: succeeded }
            """
        let report = try Prover(begin: ["ensemble": [.down]]).report(on: Prover.runbook(steps, properties: properties))
        #expect(report.violated.contains("'look' before 'start_all'"))
        #expect(report.violated.contains("every path passes 'look' unless failed"))
        #expect(report.violated.contains("it is possible to end escalated"))
        #expect(!report.violated.contains("it is possible to end succeeded"))
        #expect(!report.violated.contains("every path notifies 'oncall' unless succeeded"))
        #expect(report.areTracesReal)
    }

    @Test func `what is in doubt is looked at before it is done again`() throws {
        let steps = """
              - id: stop_one
                run: { targets: "[ensemble[0]]", service: zookeeper, do: stop, repeat: never }
                if_in_doubt: again
              - id: again
                run: { targets: "[ensemble[0]]", service: zookeeper, do: stop }
              - id: look
                probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
            """
        let report = try Prover(faults: 1, begin: ["ensemble": [.up]]).report(
            on: Prover.runbook(steps, properties: "  - after_in_doubt: { step: stop_one, do: look }")
        )
        #expect(report.violated.contains("nothing that is in doubt is repeated blindly"))
        #expect(report.violated.contains("after 'stop_one' is in doubt, 'look' comes first"))
        #expect(report.areTracesReal)
    }

    @Test func `an engine that is back asks the receipt, and then nobody acts blindly`() throws {
        let steps = """
              - id: change
                run: { targets: "[ensemble[0]]", command: [/opt/change], effect: changes }
            """
        let report = try Prover(faults: 1, crashes: 1, begin: ["ensemble": [.up]]).report(
            on: Prover.runbook(steps, properties: "")
        )
        #expect(!report.violated.contains("nothing that is in doubt is repeated blindly"), "\(report.violated)")
    }

    @Test func `two acts at once are seen, and one after the other is not`() throws {
        let property = "  - never: { together: [start_all, start_all] }"
        let wide = Self.start.replacing("size: 1", with: "size: 2")
        let report = try Prover(begin: ["ensemble": [.down]]).report(on: Prover.runbook(wide, properties: property))
        #expect(report.violated.contains("never together: start_all, start_all"))
        let narrow = try Prover(begin: ["ensemble": [.down]]).report(
            on: Prover.runbook(Self.start, properties: property)
        )
        #expect(!narrow.violated.contains("never together: start_all, start_all"))
    }

    @Test func `the longest way is held against its limit, with the step that takes most of it`() throws {
        let steps = "  - id: rest\n    pause: 10m\n  - id: rest_more\n    pause: 20m"
        let properties = "  - every_path: { ends_within: 29m }\n  - every_path: { ends_within: 31m }"
        let report = try Prover().report(on: Prover.runbook(steps, properties: properties))
        #expect(report.violated.contains("every path ends within 29m"))
        #expect(!report.violated.contains("every path ends within 31m"))
        #expect(report.dominating == "rest_more")
    }

    @Test func `a search that reaches its limit decides nothing, and says so`() throws {
        var prover = Prover(faults: 1)
        prover.assumptions.stateLimit = 50
        let report = try prover.report(on: Prover.runbook(Self.start))
        #expect(!report.exploration.isComplete)
        #expect(!report.isProved)
        let text = report.text(of: try Prover.plan(Prover.runbook(Self.start)), took: .seconds(1))
        #expect(text.contains("it may go to 50 on each core; --max-states allows more"))
        #expect(text.contains("assume fewer"))
        #expect(text.contains("states by pieces of bad luck: "))
    }

    @Test func `a search without memory left ends, and says how far it got`() throws {
        let text = Prover.runbook(Self.start)
        let verification = try Prover(faults: 2, lies: 2, crashes: 2).verification(of: text)
        let whole = verification.explore()
        var questions = 0
        let cut = verification.explore {
            questions += 1
            return questions < 2
        }
        #expect(whole.isComplete)
        #expect(questions == 2)
        #expect(cut.ending == .memoryLimit)
        #expect(cut.states < whole.states)
        let report = VerificationReport(verification, cut)
        #expect(!report.isProved)
        let words = report.text(of: try Prover.plan(text), took: .seconds(1))
        #expect(
            words.contains("the search ended after \(cut.states) states: its memory is used up; --memory allows more")
        )
    }

    @Test func `more nodes than a state can hold are refused`() throws {
        #expect(throws: Verification.Refusal.self) {
            _ = try Prover(nodes: ["ensemble": 17]).verification(of: Prover.runbook(Self.start))
        }
    }
}
