// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunReplay
import RunTestSupport
import RunVocabulary
import Testing

/// Recorded runs against changed runbooks.
@Suite struct ChangedReplayTests {
    private func replay(
        _ text: String = Recorded.everything,
        hosts: PretendHosts = PretendHosts(),
        exchanging old: String,
        for new: String
    ) async throws -> ChangedReplay {
        let recording = try await Recorded.run(text, hosts: hosts)
        let plan = try Recorded.plan(Recorded.changed(text, old, new))
        return try ChangedReplay(recording, with: plan, parameters: [:])
    }

    @Test func `the same runbook never parts, also not after a crash at any record`() async throws {
        let plan = try Recorded.plan(Recorded.everything)
        let count = try await Recorded.run(Recorded.everything).events.count
        for record in 0...count {
            let recording = try await Recorded.run(Recorded.everything, crashAfter: record == 0 ? nil : record)
            let replay = try ChangedReplay(recording, with: plan, parameters: [:])
            #expect(replay.parting == nil, "crash after \(record): \(replay.text())")
            #expect(replay.outcome == .succeeded)
            #expect(replay.text().contains("new.yaml decides the same in all of"))
        }
    }

    @Test func `another title, comment or time limit that is not reached makes no difference`() async throws {
        let changed = try Recorded.changed(Recorded.everything, "title: A little of everything", "title: Another")
        let longer = try Recorded.changed(changed, "timeout: 1m", "timeout: 2m")
        let recording = try await Recorded.run(Recorded.everything)
        let replay = try ChangedReplay(recording, with: Recorded.plan(longer), parameters: [:])
        #expect(replay.parting == nil, "\(replay.text())")
    }

    // Goal: where it parts is named, with both decisions; and it goes on by what was recorded.
    @Test func `a pause that is taken out parts there, and all else is answered from the record`() async throws {
        let replay = try await self.replay(exchanging: "pause: 5s", for: "pause: 1s")
        let parting = try #require(replay.parting)
        #expect(parting.recorded.isEmpty)
        #expect(parting.changed.contains { $0.text.hasPrefix("rest succeeded") }, "\(replay.text())")
        #expect(replay.gaps.isEmpty, "\(replay.text())")
        #expect(replay.outcome == .succeeded, "\(replay.text())")
    }

    @Test func `a notice with other words parts at its step, whose lines are named`() async throws {
        let replay = try await self.replay(exchanging: "message: done", for: "message: all is done")
        let parting = try #require(replay.parting)
        #expect(parting.recorded.first?.text == "tells oncall: done")
        #expect(parting.changed.first?.text == "tells oncall: all is done")
        let text = replay.text()
        #expect(text.contains("(new.yaml:19)"), "\(text)")
        #expect(replay.outcome == .succeeded, "\(text)")
    }

    // Goal: nothing is invented. A command that was never sent, and a look after commands that were not, have no evidence.
    @Test func `a command that the run never sent is a gap, and there it stops`() async throws {
        let replay = try await self.replay(exchanging: "command: [local, act]", for: "command: [local, deed]")
        let gap = try #require(replay.gaps.first)
        #expect(gap.wanted == "how it ends: local deed to this machine", "\(gap.wanted)")
        #expect(gap.reason == "the recorded run did not do so")
        #expect(gap.step == "here")
        #expect(replay.outcome == nil)
        #expect(replay.text().contains("how it ends cannot be told from this record; the recorded run ended succeeded"))
    }

    @Test func `what was seen after a command is no evidence for a run that leaves the command out`() async throws {
        let step = """
              - id: each
                for_each: { as: node, in: nodes, serial: 2 }
                steps:
                  - id: change
                    run: { targets: "[node]", command: [change, "${{ node.name }}"], effect: changes }
                    timeout: 1m
                    retry: { attempts: 2, backoff: fixed, initial: 1s }

            """
        let replay = try await self.replay(exchanging: step, for: "")
        let gap = try #require(replay.gaps.first)
        #expect(gap.step == "look", "\(replay.text())")
        #expect(gap.reason == "the recorded run did so only after other commands had been sent", "\(replay.text())")
    }

    @Test func `steps in another order part at the first of them`() async throws {
        let text = try Recorded.changed(Recorded.everything, "- id: rest", "- id: breath")
        let recording = try await Recorded.run(Recorded.everything)
        let replay = try ChangedReplay(recording, with: Recorded.plan(text), parameters: [:])
        let parting = try #require(replay.parting)
        #expect(parting.recorded.first?.text == "enters rest (pause)")
        #expect(parting.changed.first?.text == "enters breath (pause)")
        #expect(replay.outcome == .succeeded, "\(replay.text())")
    }

    // Goal: a command that ran out of its time says nothing about what it does in more time.
    @Test func `a time limit that was reached parts from one that is longer`() async throws {
        let hosts = PretendHosts()
        hosts.end("local act", with: [.timedOut])
        let steps = "run: { local: true, command: [local, act], effect: changes }\n    timeout: 1m"
        let replay = try await self.replay(
            hosts: hosts,
            exchanging: steps,
            for: "run: { local: true, command: [local, act], effect: changes }\n    timeout: 5m"
        )
        let parting = try #require(replay.parting, "\(replay.text())")
        #expect(parting.reason?.contains("now it has 5m") == true, "\(replay.text())")
        #expect(replay.gaps.first?.step == "here", "\(replay.text())")
    }

    @Test func `a gate that nobody was asked at is a gap`() async throws {
        let gate = """
              - id: allow
                approve: { message: May we?, from: [role:sre], timeout: 15m, on_timeout: refused }
              - id: here
            """
        let replay = try await self.replay(exchanging: "  - id: here", for: gate)
        let gap = try #require(replay.gaps.first, "\(replay.text())")
        #expect(gap.step == "allow")
        #expect(gap.reason == "nobody was asked there in the recorded run")
    }

    @Test func `a notice to a channel that was not told is taken for delivered, and it is said so`() async throws {
        let replay = try await self.replay(exchanging: "channels: [oncall]", for: "channels: [oncall, others]")
        #expect(replay.outcome == .succeeded, "\(replay.text())")
        #expect(replay.assumptions == ["a notice to 'others' arrives: the recorded run sent none there"])
    }

    @Test func `what is printed for programs names the parting and the gaps`() async throws {
        let replay = try await self.replay(exchanging: "command: [local, act]", for: "command: [local, deed]")
        let json = replay.json
        #expect(json["same"]?.boolValue == false)
        #expect(json["parting"]?["changed"]?.arrayValue?.first?["kind"]?.stringValue == "sent")
        #expect(json["missing"]?.arrayValue?.first?["step"]?.stringValue == "here")
        #expect(json["outcome"] == .null)
    }
}
