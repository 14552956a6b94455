// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import Testing

@Suite struct RequestTests {
    private static func run(_ keys: String, step: String = "", after: String = "") throws -> Transcript {
        try Transcript(
            runbook(
                """
                  - id: ask
                    request: { url: "http://control/${{ cluster.name }}", \(keys) }
                \(step)
                  - id: say
                    notify:
                      channels: [oncall]
                      message: "\(after.isEmpty ? "${{ steps.ask.outcome }}" : after)"
                """
            )
        )
    }

    @Test func `a request is sent by the engine itself, and its answer is typed`() throws {
        var run = try Self.run(
            "method: PUT, effect: changes, headers: { X-Run: \"${{ run.id }}\" }, body: \"a=${{ 1 + 1 }}\"",
            after:
                "${{ steps.ask.result.status }} ${{ steps.ask.result.json.tasks[0].id }} ${{ steps.ask.result.body }}"
        )
        #expect(try run.start() == ["act PUT http://control/lab"])
        guard case .request(let request) = try #require(run.acts.first).command else {
            Issue.record("no request is sent")
            return
        }
        #expect(request.headers == [Act.Variable(name: "X-Run", value: "r1")])
        #expect(request.body?.value == "a=2")
        let lines = try run.carryOut(.exited(status: 201), output: "{\"tasks\": [{\"id\": 7}]}")
        #expect(lines == ["tell oncall: 201 7 {\"tasks\": [{\"id\": 7}]}"])
    }

    @Test(arguments: [(200, true), (204, true), (299, true), (302, false), (404, false), (500, false)])
    func `two hundreds are success, unless it says otherwise`(status: Int, isFine: Bool) throws {
        var run = try Self.run("method: POST, effect: changes")
        try run.start()
        let lines = try run.carryOut(.exited(status: status))
        #expect(
            lines == [isFine ? "tell oncall: succeeded" : "finish failed: the engine's machine: answered \(status)"]
        )
    }

    @Test func `it says which statuses are success`() throws {
        var run = try Self.run("method: POST, effect: changes, expect_status: [202, 400..404]")
        try run.start()
        #expect(try run.carryOut(.exited(status: 403)) == ["tell oncall: succeeded"])
        run = try Self.run("method: POST, effect: changes, expect_status: 202")
        try run.start()
        #expect(try run.carryOut(.exited(status: 200)) == ["finish failed: the engine's machine: answered 200"])
    }

    // Goal: a gateway that gave up does not make us believe that nothing happened.
    @Test(arguments: [502, 504])
    func `a gateway's status leaves it in doubt what happened behind it`(status: Int) throws {
        var run = try Self.run("method: POST, effect: changes")
        try run.start()
        #expect(try run.carryOut(.exited(status: status)) == [])
        #expect(run.machine.doubts.map(\.step) == ["ask"])
        run = try Self.run(status == 502 ? "method: GET" : "effect: changes, repeat: safe")
        try run.start()
        #expect(
            try run.carryOut(.exited(status: status)) == ["finish failed: the engine's machine: answered \(status)"]
        )
    }

    @Test func `what is in doubt is settled by what verify shows`() throws {
        var run = try Self.run(
            "method: POST, effect: changes",
            step: "    verify: { http: { url: \"http://control/state\" }, expect: result.status == 200 }"
        )
        try run.start()
        #expect(try run.carryOut(.inDoubt(reason: "the link broke")) == ["probe http http://control/state"])
        #expect(try run.probed([:], engine: ["status": .int(200)]) == ["tell oncall: succeeded"])
    }

    @Test func `without a proof it waits for a person`() throws {
        var run = try Self.run("method: POST, effect: changes")
        try run.start()
        #expect(try run.carryOut(.inDoubt(reason: "the link broke")) == [])
        #expect(try run.settle("ask", happened: true) == ["tell oncall: succeeded"])
    }

    @Test func `a request that only reads is safe to send again`() throws {
        var run = try Self.run("method: GET", step: "    retry: { attempts: 2, initial: 5s }")
        try run.start()
        #expect(run.acts.first?.repeating == .safe)
        #expect(try run.carryOut(.exited(status: 0)) == [])
        #expect(try run.wake() == ["act GET http://control/lab #2"])
        #expect(try run.carryOut(.exited(status: 200)) == ["tell oncall: succeeded"])
    }

    @Test func `a retry has a key of its own, and a resumed engine the same`() throws {
        var run = try Self.run(
            "method: POST, effect: changes, idempotency_key: true",
            step: "    retry: { attempts: 2, initial: 5s }"
        )
        try run.start()
        #expect(run.acts.first?.repeating == .guarded)
        try run.begin()
        #expect(try run.restart() == ["inquire POST http://control/lab"])
        try run.ended(try #require(run.acts.first), .exited(status: 503))
        try run.wake()
        #expect(Set(run.acts.map(\.effect)).count == 2)
    }

    @Test func `what cannot be told is not sent`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: look
                    probe: { targets: ensemble, zookeeper: {} }
                  - id: ask
                    request:
                      method: POST
                      effect: changes
                      url: "http://control/"
                      body: "${{ steps.look.results[0].epoch }}"
                """
            )
        )
        try run.start()
        #expect(try run.probed([:]).first == "finish failed: the engine's machine: the body cannot be told")
    }

    @Test func `an answer that is no JSON, or was cut, has none`() throws {
        for (output, word) in [("<html>", "no JSON"), ("[1", "no JSON")] {
            var run = try Self.run("method: GET", after: "${{ steps.ask.result.json.x }}")
            try run.start()
            let lines = try run.carryOut(.exited(status: 200), output: output)
            #expect(lines.first?.contains(word) == true, "\(lines)")
        }
    }
}
