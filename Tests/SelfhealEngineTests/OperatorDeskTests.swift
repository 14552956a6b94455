// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunTestSupport
import RunVocabulary
import SelfhealEngine
import Testing
import WorldAdapters

/// Who may say what, and what they are told.
@Suite struct OperatorDeskTests {
    private let clock = ManualClock(SystemWallClock().now)

    private func atGate(startedAgo age: Milliseconds = .zero) throws -> RunInMemory {
        let start = Instant(milliseconds: self.clock.now.milliseconds - age.count)
        return try RunInMemory(Fixture.gate, startedAt: start, clock: self.clock)
    }

    private func vote(
        _ step: String = "allow",
        _ decision: OperatorRequest.VoteDecision = .granted,
        as other: String? = nil,
        digest: String? = nil
    ) -> OperatorRequest {
        .vote(run: "run-1", step: step, decision: decision, digest: digest, comment: "", speakingFor: other)
    }

    @Test func `two people open the gate, and each is told where it stands`() async throws {
        let desk = OperatorDesk(configuration: Fixture().configuration)
        let run = try self.atGate()
        let first = try await desk.answer(self.vote(), from: "ada-user", about: run)
        #expect(first == .done("ada approved 'allow': 1 of 2"))
        let again = try await desk.answer(self.vote(), from: "ada-user", about: run)
        #expect(again == .refused("the vote of ada does not count: they have voted already"))
        let second = try await desk.answer(self.vote(), from: "lin-user", about: run)
        #expect(second == .done("lin approved 'allow': 2 of 2"))
        let late = try await desk.answer(self.vote(), from: "you", about: run)
        #expect(!late.isDone)
    }

    @Test func `one denial closes the gate`() async throws {
        let desk = OperatorDesk(configuration: Fixture().configuration)
        let run = try self.atGate()
        let answer = try await desk.answer(self.vote("allow", .denied), from: "ada-user", about: run)
        #expect(answer == .done("ada denied 'allow'"))
        #expect(try await run.machine().openGates.isEmpty)
    }

    @Test func `an approval that comes after the deadline is not called one`() async throws {
        let desk = OperatorDesk(configuration: Fixture().configuration)
        let run = try self.atGate(startedAgo: .minutes(16))
        let answer = try await desk.answer(self.vote(), from: "ada-user", about: run)
        #expect(answer == .refused("too late: 0 of 2 approvals when the time was up"))
        #expect(try await run.machine().outcome == .failed)
    }

    @Test func `strangers, guests and those who speak for others are refused, each with the reason`() async throws {
        let desk = OperatorDesk(configuration: Fixture().configuration)
        let run = try self.atGate()
        let stranger = try await desk.answer(self.vote(), from: "mallory", about: run)
        #expect(!stranger.isDone && stranger.text.contains("'mallory' is nobody in the configuration"))
        let nobody = try await desk.answer(self.vote(), from: nil, about: run)
        #expect(!nobody.isDone)
        let guest = try await desk.answer(self.vote(), from: "guest-user", about: run)
        #expect(guest == .refused("the vote of guest does not count: they are not among those who may answer"))
        let ventriloquist = try await desk.answer(self.vote(as: "lin"), from: "ada-user", about: run)
        #expect(ventriloquist == .refused("speaking for somebody else is for the practice cluster alone"))
        let other = try await desk.answer(self.vote(digest: "sha256:other"), from: "ada-user", about: run)
        #expect(!other.isDone && other.text.contains("for something else than the gate shows"))
        let elsewhere = try await desk.answer(self.vote("act"), from: "ada-user", about: run)
        #expect(elsewhere == .refused("run run-1 does not wait for an approval at 'act': open is 'allow'"))
        #expect(try await run.machine().openGates.first?.grantedBy == [])
        let cancel = OperatorRequest.cancel(run: "run-1", because: "")
        #expect(try await desk.answer(cancel, from: "mallory", about: run).isDone == false)
        #expect(try await run.machine().outcome == nil)
    }

    @Test func `on the practice cluster somebody may speak for others, who must exist`() async throws {
        let desk = OperatorDesk(configuration: Fixture(speakingForOthers: true).configuration)
        let run = try self.atGate()
        let known = try await desk.answer(self.vote(as: "lin"), from: "ada-user", about: run)
        #expect(known == .done("lin approved 'allow': 1 of 2"))
        let unknown = try await desk.answer(self.vote(as: "bo"), from: "ada-user", about: run)
        #expect(unknown == .refused("nobody is called 'bo'; people are ada, guest, lin, you"))
    }

    @Test func `a cancel says what is in flight, and an ended run is said to have ended`() async throws {
        let desk = OperatorDesk(configuration: Fixture().configuration)
        let run = try self.atGate()
        let cancel = OperatorRequest.cancel(run: "run-1", because: "enough")
        let first = try await desk.answer(cancel, from: "ada-user", about: run)
        #expect(first == .done("run run-1 is being cancelled; nothing is in flight"))
        let second = try await desk.answer(cancel, from: "ada-user", about: run)
        #expect(second == .refused("run run-1 has ended: cancelled"))
    }

    @Test func `nothing can be settled that is not in doubt`() async throws {
        let desk = OperatorDesk(configuration: Fixture().configuration)
        let settle = OperatorRequest.settle(run: "run-1", step: "act", target: nil, happened: true, because: "I looked")
        let answer = try await desk.answer(settle, from: "ada-user", about: try self.atGate())
        #expect(answer == .refused("'act' of run run-1 is not in doubt: nothing of it is"))
    }
}
