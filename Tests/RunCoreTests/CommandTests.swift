// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

/// Commands: targets, conditions, retries, proofs, doubt and batches.
@Suite struct CommandTests {
    static let verify = "verify: { tcp: { port: client }, expect: result.open, every: 10s }"

    private func run(_ rest: String, head: String = "") throws -> Transcript {
        try Transcript(runbook("  - id: act\n    \(rest)", head: head))
    }

    private func start(_ more: String = "", on targets: String = "\"[ensemble[0]]\"") -> String {
        "run: { targets: \(targets), service: zookeeper, do: start }\n    timeout: 1m\n    \(more)"
    }

    // MARK: targets

    @Test func `a command goes to one target after the other`() throws {
        var run = try self.run(self.start(on: "ensemble"))
        #expect(try run.start() == ["act start zookeeper on zk1"])
        #expect(try run.carryOut() == ["act start zookeeper on zk2"])
        #expect(try run.carryOut() == ["act start zookeeper on zk3"])
        #expect(try run.carryOut() == ["finish succeeded"])
        #expect(run.acts.map(\.command) == Array(repeating: .arguments(["zookeeper", "start"]), count: 3))
        #expect(Set(run.acts.map(\.effect)).count == 3)
    }

    @Test func `no target at all is refused`() throws {
        var run = try self.run(self.start(on: "none"))
        #expect(try run.start() == ["finish failed: the targets 'none' are none"])
    }

    @Test func `another number of targets than expected is refused`() throws {
        var run = try self.run("run: { targets: ensemble, expect_targets: 1..2, service: zookeeper, do: start }")
        #expect(try run.start() == ["finish failed: the targets 'ensemble' are 3, expected were 1 to 2"])
    }

    @Test func `targets that cannot be told are refused`() throws {
        var run = try self.run(self.start(on: "\"ensemble.filter(n, n.serving)\""))
        #expect(try run.start() == ["observe zk1 zk2 zk3"])
        let lines = try run.observed(serving("zk1", "zk2"))
        #expect(lines.first?.hasPrefix("finish failed: the targets") == true, "\(lines)")
        #expect(run.acts == [])
    }

    @Test func `a node named twice is a target once`() throws {
        var run = try self.run(self.start(on: "\"[ensemble[0], ensemble[0]]\""))
        try run.start()
        #expect(try run.carryOut() == ["finish succeeded"])
    }

    @Test func `a service the inventory has no command for is refused`() throws {
        var run = try self.run("run: { targets: brokers, service: kafka, do: restart }")
        #expect(try run.start() == ["finish failed: b1: the inventory has no command to restart 'kafka' on b1"])
    }

    @Test func `words arrive as they are, and a word that cannot be told is not guessed`() throws {
        var run = try self.run(
            "run: { targets: brokers, command: [echo, \"a b; ${{ target.name }}\", \"\"], effect: reads }"
        )
        try run.start()
        #expect(run.acts.first?.command == .arguments(["echo", "a b; b1", ""]))
        run = try self.run("run: { targets: brokers, command: [echo, \"${{ target.id }}\"], effect: reads }")
        #expect(try run.start() == ["finish failed: b1: a value in the command cannot be told"])
    }

    @Test func `a script gets its values through the environment`() throws {
        var run = try self.run("run: { local: true, script: 'echo $A', env: { A: \"${{ run.id }}\" }, effect: reads }")
        try run.start()
        #expect(run.acts.first?.target == nil)
        #expect(run.acts.first?.command == .script(text: "echo $A", environment: [.init(name: "A", value: "r1")]))
        #expect(try run.carryOut() == ["finish succeeded"])
    }

    // MARK: conditions

    static let quorum = "require: size(ensemble.filter(n, n.serving)) >= 2"

    @Test func `a condition is looked at on fresh facts before each target`() throws {
        var run = try self.run(self.start(Self.quorum, on: "brokers").replacing("zookeeper", with: "kafka"))
        #expect(try run.start() == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", down: ["zk3"])) == ["act start kafka on b1"])
        run.now = run.now + .seconds(11)
        #expect(try run.carryOut() == ["observe zk1 zk2 zk3"])
        let reason = "b2: 'size(ensemble.filter(n, n.serving)) >= 2' does not hold"
        #expect(try run.observed(serving("zk1", down: ["zk2", "zk3"])) == ["finish failed: \(reason)"])
        #expect(run.left == ["act refused: \(reason)"])
    }

    @Test func `facts that are fresh are not asked for again`() throws {
        var run = try self.run("run: { targets: brokers, service: kafka, do: status }\n    \(Self.quorum)")
        try run.start()
        try run.observed(serving("zk1", "zk2", down: ["zk3"]))
        run.now = run.now + .seconds(10)
        #expect(try run.carryOut() == ["act status kafka on b2"])
    }

    @Test func `what was seen before our own act is looked at again, however fresh it is`() throws {
        var run = try self.run(self.start(Self.quorum, on: "brokers").replacing("zookeeper", with: "kafka"))
        try run.start()
        try run.observed(serving("zk1", "zk2", down: ["zk3"]))
        run.now = run.now + .seconds(1)
        #expect(try run.carryOut() == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving("zk1", "zk2", down: ["zk3"])) == ["act start kafka on b2"])
    }

    @Test func `a condition that cannot be told refuses`() throws {
        var run = try self.run(self.start(Self.quorum))
        try run.start()
        let lines = try run.observed(serving("zk1", down: ["zk2"]))
        #expect(lines.first?.contains("cannot be told") == true, "\(lines)")
        #expect(run.acts == [])
    }

    @Test func `a condition is looked at again before each attempt`() throws {
        var run = try self.run(self.start(Self.quorum + "\n    retry: { attempts: 2, initial: 20s }"))
        try run.start()
        try run.observed(serving("zk1", "zk2", down: ["zk3"]))
        #expect(try run.carryOut(.exited(status: 1)) == [])
        #expect(try run.wake() == ["observe zk1 zk2 zk3"])
        #expect(try run.observed(serving(down: ["zk1", "zk2", "zk3"])).first?.hasPrefix("finish failed") == true)
        #expect(run.acts.count == 1)
    }

    // MARK: retries

    @Test func `a command that failed is sent again after growing waits, each time as a new effect`() throws {
        var run = try self.run(
            self.start("retry: { attempts: 4, backoff: exponential, initial: 2s, max: 5s }")
        )
        try run.start()
        var waits: [Milliseconds] = []
        for _ in 1...3 {
            try run.carryOut(.exited(status: 1))
            waits.append(try #require(run.machine.wakeAt).elapsed(since: run.now))
            try run.wake()
        }
        #expect(waits == [.seconds(2), .seconds(4), .seconds(5)])
        #expect(run.acts.map(\.attempt) == [1, 2, 3, 4])
        #expect(Set(run.acts.map(\.effect)).count == 4)
        #expect(try run.carryOut(.signalled(name: "KILL")) == ["finish failed: zk1: ended by signal KILL"])
    }

    @Test func `jitter shortens a wait by at most half, the same way in every replay`() throws {
        var waits: [Milliseconds] = []
        for _ in 1...2 {
            var run = try self.run(self.start("retry: { attempts: 2, initial: 20s, jitter: true }"))
            try run.start()
            try run.carryOut(.exited(status: 1))
            waits.append(try #require(run.machine.wakeAt).elapsed(since: run.now))
        }
        #expect(waits[0] == waits[1])
        #expect((Milliseconds.seconds(10)...Milliseconds.seconds(20)).contains(waits[0]))
    }

    @Test(
        arguments: [
            (CommandReport.Ending.timedOut, "act timed_out: zk1: not done within 1m; it was stopped"),
            (.notSent(reason: "no key"), "act failed: zk1: not sent: no key"),
            (.stopped, "act failed: zk1: stopped"), (.signalled(name: "TERM"), "act failed: zk1: ended by signal TERM"),
        ]
    )
    func `a command that did not end well says how it ended`(ending: CommandReport.Ending, left: String) throws {
        var run = try self.run(self.start())
        try run.start()
        try run.carryOut(ending)
        #expect(run.left == [left])
        #expect(run.machine.outcome == .failed)
    }

    @Test func `the last line that a command printed is its reason`() throws {
        var run = try self.run(self.start())
        try run.start()
        #expect(
            try run.carryOut(.exited(status: 3), output: "one\nno space left\n") == [
                "finish failed: zk1: exit status 3: no space left"
            ]
        )
    }

    // MARK: proof

    @Test func `what was done is proved before it has succeeded`() throws {
        var run = try self.run(self.start(Self.verify))
        try run.start()
        #expect(try run.carryOut() == ["probe tcp client on zk1"])
        #expect(try run.probed(serving(down: ["zk1"])) == [])
        #expect(run.machine.wakeAt == run.now + .seconds(10))
        #expect(try run.wake() == ["probe tcp client on zk1"])
        #expect(try run.probed(serving("zk1")) == ["finish succeeded"])
    }

    @Test func `what cannot be proved in time is timed out, and retried`() throws {
        var run = try self.run(self.start(Self.verify + "\n    retry: { attempts: 2, initial: 1s }"))
        try run.start()
        try run.carryOut()
        try self.look(&run, serving(down: ["zk1"]))
        #expect(run.openLines == ["act start zookeeper on zk1 #2"])
        try run.carryOut()
        #expect(try run.probed(serving("zk1")) == ["finish succeeded"])
    }

    @Test func `a command in doubt is looked for, and found`() throws {
        var run = try self.run(self.start(Self.verify))
        try run.start()
        #expect(try run.carryOut(.inDoubt(reason: "the link broke")) == ["probe tcp client on zk1"])
        #expect(try run.probed(serving("zk1")) == ["finish succeeded"])
    }

    /// Answers every look the same way until nothing is looked at any more.
    private func look(_ run: inout Transcript, _ facts: [NodeName: [String: Fact]]) throws {
        for _ in 1...20 where run.openLines.contains("probe tcp client on zk1") {
            try run.probed(facts)
            if run.machine.wakeAt != nil {
                try run.wake()
            }
        }
    }

    @Test
    func `a command in doubt that cannot run any more and was seen not to have happened has failed, and is retried`()
        throws
    {
        var run = try self.run(self.start(Self.verify))
        try run.start()
        try run.carryOut(.inDoubt(reason: "the host restarted", mayStillRun: false))
        try self.look(&run, serving(down: ["zk1"]))
        #expect(run.left == ["act failed: zk1: the host restarted; it did not happen: 'result.open' does not hold"])
        run = try self.run(self.start(Self.verify + "\n    retry: { attempts: 2, initial: 1s }"))
        try run.start()
        try run.carryOut(.inDoubt(reason: "the host restarted", mayStillRun: false))
        try self.look(&run, serving(down: ["zk1"]))
        #expect(run.openLines == ["act start zookeeper on zk1 #2"])
    }

    // A second sending could meet the first one alive.
    @Test(arguments: ["", "\n    repeat: safe"])
    func `a command that may still run is not taken for undone, however often its absence is seen`(
        policy: String
    ) throws {
        let text =
            "run: { targets: \"[ensemble[0]]\", command: [x], effect: changes\(policy.isEmpty ? "" : ", repeat: safe") }"
        var run = try self.run("\(text)\n    timeout: 1m\n    \(Self.verify)\n    retry: { attempts: 3, initial: 1s }")
        try run.start()
        try run.carryOut(.inDoubt(reason: "the link broke", mayStillRun: true))
        try self.look(&run, serving(down: ["zk1"]))
        #expect(run.acts.count == 1)
        #expect(run.machine.wakeAt == nil)
        #expect(
            run.machine.doubts.map(\.reason) == [
                "the link broke; 'result.open' does not hold, and it may still run"
            ]
        )
        try run.settle("act", happened: false)
        #expect(try run.wake() == ["act x on zk1 #2"])
    }

    @Test func `a command in doubt that nothing shows is for a person`() throws {
        var run = try self.run(self.start(Self.verify + "\n    retry: { attempts: 3 }"))
        try run.start()
        try run.carryOut(.inDoubt(reason: "the link broke"))
        try self.look(&run, [:])
        #expect(run.machine.doubts.map(\.target) == ["zk1"])
        #expect(run.machine.wakeAt == nil)
        #expect(run.acts.count == 1)
    }

    @Test func `a person settles a doubt, and only what is in doubt`() throws {
        var run = try self.run(self.start())
        try run.start()
        try run.carryOut(.inDoubt(reason: "the link broke"))
        #expect(run.machine.doubts.map(\.step) == ["act"])
        #expect(try run.settle("other", happened: true) == [])
        #expect(try run.settle("act", happened: true, target: "zk2") == [])
        #expect(run.ignored.count == 2)
        #expect(try run.settle("act", happened: true) == ["finish succeeded"])
    }

    @Test func `what a person says did not happen has failed, and may be retried`() throws {
        var run = try self.run(self.start("retry: { attempts: 2, initial: 1s }"))
        try run.start()
        try run.carryOut(.inDoubt(reason: "the link broke"))
        try run.settle("act", happened: false)
        #expect(try run.wake() == ["act start zookeeper on zk1 #2"])
        try run.carryOut(.inDoubt(reason: "again"))
        #expect(
            try run.settle("act", happened: false) == ["finish failed: zk1: lin says that it did not happen: I looked"]
        )
    }

    @Test func `a doubt with a route goes there instead of to a person`() throws {
        var run = try Transcript(
            runbook(
                "  - id: act\n    \(self.start("if_in_doubt: hand_over"))\n"
                    + "  - { id: done, finish: { outcome: succeeded } }\n  - { id: hand_over, finish: { outcome: escalated } }"
            )
        )
        try run.start()
        #expect(try run.carryOut(.inDoubt(reason: "the link broke")) == ["finish escalated: zk1: the link broke"])
    }

    @Test(arguments: [
        ("safe", false, 2), ("safe", true, 1), ("guarded", false, 1), ("guarded", true, 1), ("never", false, 1),
    ])
    func `a command in doubt is sent again only if that is safe and it cannot run any more`(
        policy: String,
        mayStillRun: Bool,
        sent: Int
    ) throws {
        let retry = policy == "never" ? "" : "\n    retry: { attempts: 2, initial: 1s }"
        var run = try self.run(
            "run: { targets: \"[ensemble[0]]\", command: [x], effect: changes, repeat: \(policy) }\(retry)"
        )
        try run.start()
        try run.carryOut(.inDoubt(reason: "the link broke", mayStillRun: mayStillRun))
        if run.machine.wakeAt != nil {
            try run.wake()
        }
        #expect(run.acts.count == sent)
        #expect(run.machine.doubts.count == 2 - sent)
    }

    // MARK: batches

    private func batch(_ batch: String) throws -> Transcript {
        try self.run("run: { targets: ensemble, service: zookeeper, do: start, batch: { \(batch) } }")
    }

    @Test func `a batch is so many targets at once`() throws {
        var run = try self.batch("size: 2")
        #expect(try run.start() == ["act start zookeeper on zk1", "act start zookeeper on zk2"])
        #expect(try run.carryOut(on: "zk2") == [])
        #expect(try run.carryOut(on: "zk1") == ["act start zookeeper on zk3"])
        #expect(try run.carryOut() == ["finish succeeded"])
    }

    @Test(arguments: [("size: 1%", 1), ("size: 67%", 2), ("size: 100%", 3), ("size: 50", 3)])
    func `a batch may be a share, of which one is the least`(size: String, width: Int) throws {
        var run = try self.batch(size)
        #expect(try run.start().count == width)
    }

    @Test func `the first batches may be smaller, as the ramp says`() throws {
        var run = try self.batch("size: 100%, ramp: [1, 50%]")
        #expect(try run.start() == ["act start zookeeper on zk1"])
        #expect(try run.carryOut() == ["act start zookeeper on zk2"])
        #expect(try run.carryOut() == ["act start zookeeper on zk3"])
        run = try self.batch("size: 2, ramp: [1]")
        #expect(try run.start() == ["act start zookeeper on zk1"])
        #expect(try run.carryOut() == ["act start zookeeper on zk2", "act start zookeeper on zk3"])
    }

    @Test func `targets go in the order that was asked for, the leader last`() throws {
        var run = try self.batch("order: \"target.mode == 'leader'\"")
        #expect(try run.start() == ["observe zk1 zk2 zk3"])
        let facts = serving("zk1", "zk2", "zk3").mapValues { $0.merging(["mode": .string("follower")]) { $1 } }
        let leading = facts.merging(["zk1": ["mode": .string("leader")]]) { $1 }
        #expect(try run.observed(leading) == ["act start zookeeper on zk2"])
        #expect(try run.carryOut() == ["act start zookeeper on zk3"])
        #expect(try run.carryOut() == ["act start zookeeper on zk1"])
    }

    @Test func `an order that cannot be told touches nobody`() throws {
        var run = try self.batch("order: \"target.mode == 'leader'\"")
        try run.start()
        let lines = try run.observed(["zk1": ["mode": .string("leader")]])
        #expect(lines.first?.contains("cannot be told") == true, "\(lines)")
        #expect(run.acts == [])
    }

    @Test func `a list that names nodes which are not there is refused with their names`() throws {
        var run = try Transcript(
            runbook("  - id: act\n    run: { targets: some, service: zookeeper, do: start }").replacing(
                "targets:\n",
                with: "targets:\n  some: { nodes: [zk1, zk8, zk9] }\n",
                maxReplacements: 1
            )
        )
        let lines = try run.start()
        #expect(lines.first?.contains("'some' names nodes that are not in the inventory: zk8, zk9") == true, "\(lines)")
        #expect(run.acts == [])
    }

    @Test func `between batches there is a pause, and none after the last`() throws {
        var run = try self.batch("size: 2, pause: 30s")
        try run.start()
        try run.carryOut()
        #expect(try run.carryOut() == [])
        #expect(run.machine.wakeAt == run.now + .seconds(30))
        #expect(try run.clock(after: .seconds(29)) == [])
        #expect(try run.clock(after: .seconds(1)) == ["act start zookeeper on zk3"])
        #expect(try run.carryOut() == ["finish succeeded"])
    }

    @Test func `one failure too many halts before the next target`() throws {
        var run = try self.batch("size: 1")
        try run.start()
        #expect(try run.carryOut(.exited(status: 1)) == ["finish failed: zk1: exit status 1"])
        #expect(run.acts.count == 1)
        #expect(
            run.notes.contains {
                if case .halted(_, let reason) = $0 { reason.hasSuffix("2 more are left alone") } else { false }
            }
        )
    }

    @Test func `failures are counted over the whole step`() throws {
        var run = try self.batch("size: 1, max_failures: 1")
        try run.start()
        #expect(try run.carryOut(.exited(status: 1)) == ["act start zookeeper on zk2"])
        #expect(try run.carryOut(.exited(status: 2)) == ["finish failed: zk1: exit status 1; zk2: exit status 2"])
        run = try self.batch("size: 1, max_failures: 34%")
        try run.start()
        try run.carryOut(.exited(status: 1))
        try run.carryOut()
        #expect(try run.carryOut() == ["finish succeeded"])
    }

    @Test func `the targets of a batch under way are carried to their end after a failure`() throws {
        var run = try self.batch("size: 2")
        try run.start()
        #expect(try run.carryOut(.exited(status: 1), on: "zk1") == [])
        #expect(try run.carryOut(on: "zk2") == ["finish failed: zk1: exit status 1"])
    }

    @Test func `a target in doubt is in doubt, however many may fail`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: act
                    run: { targets: ensemble, service: zookeeper, do: start, batch: { size: 3, max_failures: 3 } }
                    if_in_doubt: hand_over
                  - { id: done, finish: { outcome: succeeded } }
                  - { id: hand_over, finish: { outcome: escalated } }
                """
            )
        )
        try run.start()
        try run.carryOut(on: "zk1")
        try run.carryOut(.inDoubt(reason: "the link broke"), on: "zk2")
        #expect(try run.carryOut(on: "zk3") == ["finish escalated: zk2: the link broke"])
    }

    @Test func `a refusal halts whatever the failures allowed`() throws {
        var run = try self.run(
            "run: { targets: ensemble, service: zookeeper, do: start, batch: { size: 1, max_failures: 3 } }\n    require: 1 > 2"
        )
        #expect(try run.start() == ["finish failed: zk1: '1 > 2' does not hold"])
    }

    @Test func `what expressions see of a command is what happened`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: act
                    run: { targets: ensemble, service: zookeeper, do: start, batch: { size: 1 } }
                    if_failed: tell
                  - id: tell
                    notify:
                      channels: [oncall]
                      message: "${{ steps.act.outcome }}: ${{ steps.act.results.map(r, r.outcome + ' ' + r.stdout) }}"
                """
            )
        )
        try run.start()
        try run.carryOut(output: "ok")
        #expect(
            try run.carryOut(.exited(status: 1), output: "bad") == [
                "tell oncall: failed: [succeeded ok, failed bad,  ]"
            ]
        )
    }
}
