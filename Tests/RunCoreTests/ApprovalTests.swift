// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary
import TestSupport
import Testing

@Suite struct ApprovalTests {
    static func text(
        _ more: String = "from: [role:sre, person:max], needed: 2, on_timeout: refused",
        message: String = "May I?"
    ) -> String {
        runbook(
            """
              - id: ask
                title: Rebuild?
                approve: { message: "\(message)", timeout: 15m, channels: [oncall], \(more) }
                if_refused: refused
                if_timed_out: late
              - { id: granted, finish: { outcome: succeeded, message: "${{ run.reason }}" } }
              - { id: refused, finish: { outcome: escalated, message: "${{ run.reason }}" } }
              - { id: late, finish: { outcome: failed, message: "${{ run.reason }}" } }
            """
        )
    }

    @Test func `a gate shows what is asked, of whom and until when`() throws {
        var run = try Transcript(Self.text(message: "Touch ${{ size(ensemble) }} members of ${{ cluster.name }}?"))
        #expect(try run.start() == ["ask ask 2: Touch 3 members of lab?"])
        let gate = try #require(run.machine.openGates.first?.gate)
        #expect(gate.title == "Rebuild?")
        #expect(gate.deadline == run.now + .minutes(15))
        #expect(gate.channels == ["oncall"])
        #expect(gate.digest.hasPrefix("sha256:"))
        #expect(run.machine.wakeAt == gate.deadline)
    }

    @Test func `the second of two people opens it`() throws {
        var run = try Transcript(Self.text())
        try run.start()
        #expect(try run.vote("lin") == [])
        #expect(try run.vote("max", roles: []) == ["close ask", "finish succeeded"])
        #expect(run.left.first == "ask succeeded: granted by lin and max")
    }

    @Test func `one denial closes it`() throws {
        var run = try Transcript(Self.text())
        try run.start()
        try run.vote("lin")
        #expect(try run.vote("bo", .denied) == ["close ask", "finish escalated: denied by bo"])
    }

    @Test func `silence means what the runbook says`() throws {
        var run = try Transcript(Self.text())
        try run.start()
        try run.vote("lin")
        #expect(try run.wake() == ["close ask", "finish escalated: 1 of 2 approvals when the time was up"])
        run = try Transcript(Self.text("from: [role:sre], on_timeout: timed_out"))
        try run.start()
        #expect(try run.wake() == ["close ask", "finish failed: 0 of 1 approvals when the time was up"])
    }

    @Test func `a vote at the deadline comes too late, even before the timer`() throws {
        var run = try Transcript(Self.text("from: [role:sre], on_timeout: refused"))
        try run.start()
        run.now = try #require(run.machine.wakeAt)
        #expect(try run.vote("lin") == ["close ask", "finish escalated: 0 of 1 approvals when the time was up"])
    }

    // MARK: votes that do not count

    private func refusal(
        _ body: (inout Transcript) throws -> Void,
        requesterMayApprove: Bool = false
    ) throws -> VoteRefusal? {
        var run = try Transcript(Self.text(), requesterMayApprove: requesterMayApprove)
        try run.start()
        try body(&run)
        guard case .vote(_, _, let refusal) = run.ignored.last else {
            return nil
        }
        return refusal
    }

    @Test func `nobody votes twice, for themselves, without being asked, or for something else`() throws {
        #expect(
            try self.refusal {
                try $0.vote("lin")
                try $0.vote("lin")
            } == .duplicate
        )
        #expect(try self.refusal { try $0.vote(Transcript.requester) } == .ownRequest)
        #expect(try self.refusal { try $0.vote(Transcript.requester, .denied) } == .ownRequest)
        #expect(try self.refusal { try $0.vote("eve", roles: ["dba"]) } == .notAnApprover)
        #expect(try self.refusal { try $0.vote("eve", .denied, roles: []) } == .notAnApprover)
        #expect(try self.refusal { try $0.vote("lin", digest: "sha256:00") } == .otherDigest)
        #expect(try self.refusal { try $0.vote("lin", step: "other") } == .gateNotOpen)
        #expect(try self.refusal({ try $0.vote(Transcript.requester) }, requesterMayApprove: true) == nil)
    }

    @Test func `a vote when no gate is open is told and changes nothing`() throws {
        var run = try Transcript(runbook("  - id: rest\n    pause: 1h"))
        try run.start()
        let before = run.machine
        try run.vote("lin", step: "rest")
        #expect(run.machine == before)
        #expect(run.ignored == [.vote("rest", "lin", .gateNotOpen)])
    }

    @Test func `a vote counts for one binding, one step and one message`() throws {
        func digest(_ text: String, parameters: [String: Fact] = [:]) throws -> String {
            var run = try Transcript(text, parameters: parameters)
            try run.start()
            return try #require(run.machine.openGates.first?.gate.digest)
        }
        let digests = [
            try digest(Self.text()), try digest(Self.text(message: "May we?")),
            try digest(Self.text().replacing("id: ask", with: "id: demand")),
            try digest(Self.text(), parameters: ["x": .int(1)]),
        ]
        #expect(Set(digests).count == 4)
        #expect(try digest(Self.text()) == digests[0])
    }

    @Test func `the second visit of a gate is another question`() throws {
        var run = try Transcript(
            runbook(
                """
                  - id: ask
                    max_visits: 2
                    approve: { message: May I?, from: [role:sre], timeout: 5m, on_timeout: refused }
                    if_refused: ask
                """
            )
        )
        try run.start()
        let first = try #require(run.machine.openGates.first?.gate)
        #expect(try run.vote("lin", .denied) == ["close ask", "ask ask#2 1: May I?"])
        try run.vote("lin", digest: first.digest)
        #expect(run.ignored == [.vote("ask#2", "lin", .otherDigest)])
        #expect(try run.vote("lin") == ["close ask#2", "finish succeeded"])
    }

    // Goal: no order of arrival opens a gate twice, or opens one that was denied, cancelled or timed out first.
    // Method: deliver the inputs below in every order, let a clock that came early come again, and look at what came out.
    @Test func `a gate is settled once in every order of arrival`() throws {
        let start = try Transcript(Self.text())
        var choices = Choices()
        var orders = 0
        while choices.advance() {
            var run = start
            try run.start()
            let gate = try #require(run.machine.openGates.first?.gate)
            func vote(_ person: PersonName, _ decision: Vote.Decision) -> RunEvent {
                .voted(
                    "ask",
                    Vote(person: person, roles: ["sre"], decision: decision, digest: gate.digest, comment: ""),
                    at: run.now
                )
            }
            var inbox: [RunEvent] = [
                vote("lin", .granted), vote("max", .granted), vote("lin", .granted), vote("bo", .denied),
                .clockReached(at: gate.deadline), .cancelRequested(by: "bo", because: "", at: run.now),
            ]
            var order: [RunEvent] = []
            var closed = 0
            while !inbox.isEmpty {
                let event = choices.take(from: &inbox)
                order.append(event)
                closed += try run.send(event).filter { $0 == "close ask" }.count
            }
            #expect(closed == 1)
            #expect(run.machine.outcome == Self.expected(order), "\(order)")
            orders += 1
        }
        #expect(orders == 720)
    }

    /// What the first deciding input makes of the run, worked out without the machine.
    private static func expected(_ order: [RunEvent]) -> RunOutcome {
        var people: Set<PersonName> = []
        for event in order {
            switch event {
            case .clockReached: return .escalated
            case .cancelRequested: return .cancelled
            case .voted(_, let vote, _):
                if vote.decision == .denied {
                    return .escalated
                }
                people.insert(vote.person)
                if people.count == 2 {
                    return .succeeded
                }
            default: break
            }
        }
        return .failed
    }
}
