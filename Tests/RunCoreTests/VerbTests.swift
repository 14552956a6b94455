// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

/// What each verb asks for, and how it comes out.
@Suite struct VerbTests {
    static let done = "  - id: done\n    finish: { outcome: succeeded, message: fine }"

    @Test func `a run without steps to do is over at once`() throws {
        var run = try Transcript(runbook(Self.done))
        #expect(try run.start() == ["finish succeeded: fine"])
        #expect(run.machine.outcome == .succeeded)
        #expect(run.machine.wakeAt == nil)
    }

    @Test func `a probe asks once and keeps what was answered and what was not`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: look
                    probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
                  - id: tell
                    notify:
                      channels: [oncall]
                      message: >-
                        ${{ steps.look.results.filter(r, r.serving).map(r, r.target) }}
                        of ${{ size(steps.look.results) }}
                """
            )
        )
        #expect(try run.start() == ["probe zookeeper on zk1 zk2 zk3"])
        let lines = try run.probed(serving("zk1", down: ["zk2", "zk3"]))
        #expect(lines == ["tell oncall: [zk1] of 3"])
        #expect(try run.told() == ["finish succeeded"])
    }

    @Test func `settings and clusters are read from what the run is bound to`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: tell
                    notify:
                      channels: [oncall]
                      message: rests ${{ settings.rest }}, of ${{ clusters.mirror.name }}
                """,
                head: "settings: { rest: { type: duration, default: 2m } }"
            )
        )
        let told = try #require(try run.start().first)
        #expect(told.hasPrefix("tell oncall: rests 2m, of (unknown: "), "\(told)")
    }

    @Test func `a silent target leaves what is asked of it unknown`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: look
                    probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
                  - id: guard
                    when: size(steps.look.results.filter(r, r.serving)) >= 2
                    finish: { outcome: not_needed }
                """
            )
        )
        try run.start()
        #expect(try run.probed(serving("zk1")).last?.hasPrefix("finish failed: ") == true)
        #expect(run.left.last?.contains("refused: 'size(") == true)
        #expect(run.left.last?.contains("cannot be told") == true)
    }

    @Test func `an answer to another question changes nothing`() throws {
        var run = try Transcript(
            runbook("  - id: look\n    probe: { targets: ensemble, tcp: { port: client } }\n\(Self.done)")
        )
        try run.start()
        let before = run.machine
        #expect(try run.send(.probed(RequestID(99), reports: [], at: run.now)) == [])
        #expect(try run.send(.observed(RequestID(1), reports: [], at: run.now)) == [])
        #expect(run.machine == before)
    }

    @Test func `a wait looks until the condition has held often enough in a row`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: up
                    wait:
                      targets: ensemble
                      zookeeper: { ask: [srvr] }
                      until: result.serving
                      every: 2s
                      consecutive: 2
                    timeout: 1m
                """
            )
        )
        #expect(try run.start() == ["probe zookeeper on zk1 zk2 zk3"])
        let all = serving("zk1", "zk2", "zk3")
        #expect(try run.probed(all) == [])
        #expect(run.machine.wakeAt == run.now + .seconds(2))
        #expect(try run.wake() == ["probe zookeeper on zk1 zk2 zk3"])
        #expect(try run.probed(serving("zk1", "zk2", down: ["zk3"])) == [])
        try run.wake()
        #expect(try run.probed(all) == [])
        try run.wake()
        #expect(try run.probed(all) == ["finish succeeded"])
    }

    @Test func `a wait whose time is up says what was missing`() throws {
        var run = try Transcript(
            runbook(
                "  - id: up\n    wait: { targets: ensemble, tcp: { port: client }, until: result.open, every: 40s }\n    timeout: 1m"
            )
        )
        try run.start()
        try run.probed(serving(down: ["zk1", "zk2", "zk3"]))
        try run.wake()
        try run.probed(serving(down: ["zk1", "zk2", "zk3"]))
        // The last rest is cut short by the timeout.
        #expect(try run.wake() == ["finish failed: not within 1m: 'result.open' does not hold"])
        #expect(run.left == ["up timed_out: not within 1m: 'result.open' does not hold"])
    }

    @Test func `results that are unknown do not hold`() throws {
        var run = try Transcript(
            runbook(
                "  - id: up\n    wait: { targets: ensemble, tcp: { port: client }, until: result.open, every: 40s }\n    timeout: 30s"
            )
        )
        try run.start()
        try run.probed(serving("zk1", "zk2"))
        let lines = try run.wake()
        #expect(lines.first?.contains("cannot be told") == true, "\(lines)")
    }

    @Test func `an http probe of an address needs no targets`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: look
                    probe: { http: { url: "http://127.0.0.1:1/${{ run.id }}" } }
                  - id: tell
                    notify: { channels: [oncall], message: "${{ steps.look.results[0].status }}" }
                """
            )
        )
        #expect(try run.start() == ["probe http http://127.0.0.1:1/r1"])
        #expect(try run.probed([:], engine: ["status": .int(503)]) == ["tell oncall: 503"])
    }

    @Test func `a probe of something that cannot be told is refused`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: look
                    probe: { targets: ensemble, tcp: { port: client } }
                  - id: ask
                    probe: { http: { url: "http://x/${{ steps.look.results[0].latency }}" } }
                """
            )
        )
        try run.start()
        #expect(try run.probed([:]) == ["finish failed: a value in the probe cannot be told"])
    }

    @Test func `a notice that nobody took does not hold up the run, nor hide its reason`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: act
                    run: { targets: "ensemble.filter(n, n.id == 1)", service: zookeeper, do: start }
                    if_failed: tell
                  - id: tell
                    notify: { channels: [oncall, phone], message: "${{ run.step }}: ${{ run.reason }}" }
                  - id: end
                    finish: { outcome: escalated, message: "${{ run.reason }}" }
                """
            )
        )
        try run.start()
        #expect(try run.carryOut(.exited(status: 7)) == ["tell oncall phone: act: zk1: exit status 7"])
        #expect(try run.told(failing: ["oncall", "phone"]) == ["finish escalated: zk1: exit status 7"])
        #expect(run.left[1] == "tell failed: oncall: no route; phone: no route")
    }

    @Test func `a notice that one channel took is told, and a route for the other case is taken`() throws {
        let text = runbook(
            """
              - id: tell
                notify: { channels: [oncall, phone], message: hello }
                if_failed: unheard
              - id: heard
                finish: { outcome: succeeded }
              - id: unheard
                finish: { outcome: escalated, message: "${{ run.reason }}" }
            """
        )
        var run = try Transcript(text)
        try run.start()
        #expect(try run.told(failing: ["phone"]) == ["finish succeeded"])
        run = try Transcript(text)
        try run.start()
        #expect(try run.told(failing: ["phone", "oncall"]) == ["finish escalated: oncall: no route; phone: no route"])
    }

    @Test func `a message says what is unknown instead of holding up the run`() throws {
        var run = try Transcript(
            runbook("  - id: tell\n    notify: { channels: [oncall], message: 'up: ${{ ensemble[0].serving }}' }")
        )
        let lines = try run.start()
        #expect(lines.count == 1 && lines[0].hasPrefix("tell oncall: up: (unknown: "), "\(lines)")
    }

    @Test func `a pause ends when its time has come and not before`() throws {
        var run = try Transcript(runbook("  - id: rest\n    pause: 30s\n\(Self.done)"))
        #expect(try run.start() == [])
        #expect(run.machine.wakeAt == run.now + .seconds(30))
        #expect(try run.clock(after: .seconds(29)) == [])
        #expect(try run.clock(after: .seconds(1)) == ["finish succeeded: fine"])
    }

    @Test func `a pause may be a parameter, and one of no length is none`() throws {
        let text = runbook(
            "  - id: rest\n    pause: parameters.wait\n\(Self.done)",
            head: "parameters: { wait: { type: duration } }"
        )
        var run = try Transcript(text, parameters: ["wait": .span(.minutes(2))])
        try run.start()
        #expect(run.machine.wakeAt == run.now + .minutes(2))
        run = try Transcript(text, parameters: ["wait": .span(.zero)])
        #expect(try run.start() == ["finish succeeded: fine"])
    }

    @Test func `a value that is set is a name from then on`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: keep
                    set: { count: size(ensemble) + 1, name: cluster.name }
                  - id: tell
                    notify: { channels: [oncall], message: "${{ name }} ${{ count }}" }
                """
            )
        )
        #expect(try run.start() == ["tell oncall: lab 4"])
    }

    // MARK: choose

    static let choice = """
          - id: look
            probe: { targets: ensemble, zookeeper: { ask: [srvr] } }
          - id: route
            choose:
              - when: steps.look.results.all(r, r.serving)
                next: healthy
              - when: steps.look.results.exists(r, r.serving)
                next: partial
              - otherwise: down
              - if_unknown: unclear
          - { id: healthy, finish: { outcome: not_needed } }
          - { id: partial, finish: { outcome: succeeded } }
          - { id: down, finish: { outcome: failed, message: "${{ run.reason }}" } }
          - { id: unclear, finish: { outcome: escalated, message: "${{ run.step }} ${{ run.reason }}" } }
        """

    @Test func `the first condition that holds is taken`() throws {
        var run = try Transcript(runbook(Self.choice))
        try run.start()
        #expect(try run.probed(serving("zk1", "zk2", "zk3")) == ["finish not_needed"])
        run = try Transcript(runbook(Self.choice))
        try run.start()
        #expect(try run.probed(serving("zk1", down: ["zk2", "zk3"])) == ["finish succeeded"])
        run = try Transcript(runbook(Self.choice))
        try run.start()
        #expect(
            try run.probed(serving(down: ["zk1", "zk2", "zk3"])) == ["finish failed: no condition of 'route' holds"]
        )
    }

    @Test func `a condition that cannot be told is not passed over for a later one that holds`() throws {
        var run = try Transcript(runbook(Self.choice))
        try run.start()
        let lines = try run.probed(serving("zk1", "zk2"))
        #expect(lines.first?.hasPrefix("finish escalated: route 'steps.look.results.all") == true, "\(lines)")
    }

    @Test func `without a branch for it, unknown is otherwise`() throws {
        let text = Self.choice.replacing("- if_unknown: unclear", with: "")
            .replacing("when: steps.look.results.exists(r, r.serving)", with: "when: 1 > 2 || run.reason == 'unclear'")
            .replacing("partial", with: "unclear")
            .replacing("- { id: unclear, finish: { outcome: succeeded } }", with: "")
        var run = try Transcript(runbook(text))
        try run.start()
        let lines = try run.probed(serving("zk1", "zk2"))
        #expect(lines.first?.hasPrefix("finish failed: 'steps.look.results.all") == true, "\(lines)")
    }
}
