// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

@Suite struct LoopTests {
    static func text(_ rest: String = "", elements: String = "ensemble", after: String = "") -> String {
        runbook(
            """
              - id: each
                for_each: { as: node, in: \(elements)\(rest) }
                steps:
                  - id: start
                    run: { targets: "[node]", service: zookeeper, do: start }
                  - id: proved
                    when: steps.start.succeeded
                    probe: { targets: "[node]", tcp: { port: client } }
            \(after)
            """
        )
    }

    @Test func `a body is walked for each element, one after the other`() throws {
        var run = try Transcript(Self.text())
        #expect(try run.start() == ["act start zookeeper on zk1"])
        #expect(try run.carryOut() == ["probe tcp client on zk1"])
        #expect(try run.probed([:]) == ["act start zookeeper on zk2"])
        try run.carryOut()
        try run.probed([:])
        try run.carryOut()
        #expect(try run.probed([:]) == ["finish succeeded"])
        #expect(run.acts.map(\.step) == ["each[0]/start", "each[1]/start", "each[2]/start"])
    }

    @Test func `so many at once as it says, or a share of all`() throws {
        var run = try Transcript(Self.text(", serial: 2"))
        #expect(try run.start() == ["act start zookeeper on zk1", "act start zookeeper on zk2"])
        try run.carryOut(on: "zk2")
        #expect(try run.probed([:]) == ["act start zookeeper on zk3"])
        run = try Transcript(Self.text(", serial: 100%"))
        #expect(try run.start().count == 3)
        run = try Transcript(Self.text(", serial: 10%"))
        #expect(try run.start().count == 1)
    }

    @Test func `between iterations there is a pause`() throws {
        var run = try Transcript(Self.text(", pause: 30s"))
        try run.start()
        try run.carryOut()
        #expect(try run.probed([:]) == [])
        #expect(run.machine.wakeAt == run.now + .seconds(30))
        #expect(try run.wake() == ["act start zookeeper on zk2"])
    }

    @Test func `no element is no failure`() throws {
        var run = try Transcript(Self.text(elements: "none"))
        #expect(try run.start() == ["finish succeeded"])
        #expect(run.left == ["each skipped: there is nothing to do it for"])
    }

    @Test func `elements that cannot be told are refused`() throws {
        var run = try Transcript(Self.text(elements: "\"ensemble.filter(n, n.serving)\""))
        try run.start()
        let lines = try run.observed(serving("zk1"))
        #expect(lines.first?.hasPrefix("finish failed: the elements") == true, "\(lines)")
    }

    @Test func `after so many failures no further element is begun`() throws {
        var run = try Transcript(Self.text())
        try run.start()
        #expect(try run.carryOut(.exited(status: 1)) == ["finish failed: each[0]/start: zk1: exit status 1"])
        run = try Transcript(Self.text(", stop_after_failures: 2"))
        try run.start()
        #expect(try run.carryOut(.exited(status: 1)) == ["act start zookeeper on zk2"])
        #expect(try run.carryOut(.exited(status: 2)) == ["finish failed: each[1]/start: zk2: exit status 2"])
    }

    @Test func `iterations under way are stopped after the failure that ends the loop`() throws {
        var run = try Transcript(Self.text(", serial: 2"))
        try run.start()
        let other = try run.begin(on: "zk2")
        #expect(try run.carryOut(.exited(status: 1), on: "zk1") == ["stop"])
        #expect(try run.ended(other, .stopped) == ["finish failed: each[0]/start: zk1: exit status 1"])
    }

    @Test func `what is in doubt after it was stopped is not hidden by the failure`() throws {
        var run = try Transcript(Self.text(", serial: 2"))
        try run.start()
        let other = try run.begin(on: "zk2")
        #expect(try run.carryOut(.exited(status: 1), on: "zk1") == ["stop"])
        #expect(try run.restart() == ["inquire start zookeeper on zk2", "stop"])
        try run.ended(other, .inDoubt(reason: "zk2 does not answer"))
        #expect(run.left.last == "each in_doubt: each[1]/start: zk2: zk2 does not answer")
    }

    @Test func `a failure among fewer than allowed still fails the loop at its end`() throws {
        var run = try Transcript(Self.text(", serial: 3, stop_after_failures: 3"))
        try run.start()
        try run.carryOut(.exited(status: 1), on: "zk1")
        try run.carryOut(on: "zk2")
        try run.carryOut(on: "zk3")
        try run.probed([:])
        #expect(try run.probed([:]) == ["finish failed: each[0]/start: zk1: exit status 1"])
    }

    @Test func `what became of each element can be read afterwards`() throws {
        let tell =
            "\n" + """
                      if_failed: tell
                  - id: tell
                    notify:
                      channels: [oncall]
                      message: "${{ steps.each.items.map(i, i.outcome) }} ${{ steps.each.outcome }}"
                """
        var run = try Transcript(Self.text(after: tell.replacing("      if_failed", with: "    if_failed")))
        try run.start()
        try run.carryOut()
        try run.probed([:])
        #expect(try run.carryOut(.exited(status: 1)) == ["tell oncall: [succeeded, failed, ] failed"])
    }

    @Test func `a finish inside stops the others under way, then ends the run`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: each
                    for_each: { as: node, in: ensemble, serial: 2 }
                    steps:
                      - id: look
                        probe: { targets: "[node]", tcp: { port: client } }
                      - id: enough
                        when: steps.look.results[0].open
                        finish: { outcome: not_needed, message: "${{ node }}" }
                      - id: start
                        run: { targets: "[node]", service: zookeeper, do: start }
                  - { id: done, finish: { outcome: succeeded } }
                """
            )
        )
        try run.start()
        run.swapProbes()
        #expect(try run.probed(serving(down: ["zk2"])) == ["act start zookeeper on zk2"])
        let other = try run.begin(on: "zk2")
        #expect(try run.probed(serving("zk1")) == ["stop"])
        #expect(try run.ended(other, .exited(status: 0)) == ["finish not_needed: zk1"])
    }

    @Test func `of two that finish the first counts`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: each
                    for_each: { as: node, in: ensemble, serial: 3 }
                    steps:
                      - id: look
                        probe: { targets: "[node]", tcp: { port: client } }
                      - { id: enough, finish: { outcome: escalated, message: "${{ node }}" } }
                """
            )
        )
        try run.start()
        #expect(try run.probed([:]) == ["finish escalated: zk1"])
    }

    @Test func `loops nest, and the inner one sees the outer element`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: outer
                    for_each: { as: node, in: "ensemble.slice(0, 2)" }
                    steps:
                      - id: inner
                        for_each: { as: number, in: "[1, 2]" }
                        steps:
                          - id: say
                            notify: { channels: [oncall], message: "${{ node }} ${{ number }}" }
                """
            )
        )
        #expect(try run.start() == ["tell oncall: zk1 1"])
        #expect(try run.told() == ["tell oncall: zk1 2"])
        #expect(try run.told() == ["tell oncall: zk2 1"])
        #expect(run.machine.stepsUnderWay == ["outer", "outer[1]/inner", "outer[1]/inner[0]/say"])
        try run.told()
        #expect(try run.told() == ["finish succeeded"])
    }

    @Test func `a doubt inside a loop waits for a person, and the other iterations go on`() throws {
        var run = try Transcript(Self.text(", serial: 2"))
        try run.start()
        try run.carryOut(.inDoubt(reason: "the link broke"), on: "zk1")
        #expect(run.machine.doubts.map(\.step) == ["each[0]/start"])
        try run.carryOut(on: "zk2")
        #expect(try run.probed([:]) == ["act start zookeeper on zk3"])
        #expect(try run.settle("each[0]/start", happened: true) == ["probe tcp client on zk1"])
    }
}
