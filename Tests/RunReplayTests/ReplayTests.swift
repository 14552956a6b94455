// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunExecutor
import RunPlan
import RunReplay
import RunTestSupport
import RunVocabulary
import Testing

/// Runs that the executor carried out and recorded, again.
@Suite struct ReplayTests {
    // Goal: what was decided live is decided again, whatever the engine went through.
    // Method: the executor's own journals, whole, resumed after a crash at every record, and cancelled.
    @Test func `a recorded run is decided again as it was, record for record`() async throws {
        let recording = try await Recorded.run(Recorded.everything)
        let replay = Replay(recording)
        #expect(replay.isSame, "\(replay.verdict)")
        #expect(replay.steps.map(\.record) == Array(1...recording.events.count))
        #expect(replay.machine.outcome == .succeeded)
        let count = recording.events.count
        #expect(replay.text().contains("the same decisions, in all of \(count) records; it ends succeeded"))
        #expect(replay.text().contains("n1: answered = true"), "\(replay.text())")
        #expect(replay.text().contains("→ sends start app to n2"), "\(replay.text())")
    }

    @Test func `a run that was taken up after a crash at any record is decided again as it was`() async throws {
        let count = try await Recorded.run(Recorded.everything).events.count
        for record in 1...count {
            let recording = try await Recorded.run(Recorded.everything, crashAfter: record)
            let replay = Replay(recording)
            #expect(replay.isSame, "crash after \(record): \(replay.verdict)")
        }
    }

    @Test func `a run that is still going on says so, and is the same so far`() async throws {
        var recording = try await Recorded.run(Recorded.everything)
        recording.events = Array(recording.events.prefix(5))
        recording.outcome = nil
        let replay = Replay(recording)
        #expect(replay.isSame)
        #expect(!replay.isWhole)
        #expect(replay.verdict.contains("still going on, at begin"), "\(replay.verdict)")
    }

    // Goal: a record that does not follow from what is decided is named.
    // Method: take one record out, or exchange one, in each place where it is the answer to something.
    @Test func `a record that is missing is found at the next one`() async throws {
        let whole = try await Recorded.run(Recorded.everything)
        for index in whole.events.indices.dropLast() {
            var recording = whole
            recording.events.remove(at: index)
            let replay = Replay(recording)
            let first = try #require(replay.differences.first, "without record \(index + 1) nothing is noticed")
            #expect(first.record >= index + 1, "without record \(index + 1): \(replay.verdict)")
        }
    }

    @Test func `an answer that was another leads to other decisions, and the record is named`() async throws {
        var recording = try await Recorded.run(Recorded.everything)
        let index = try #require(recording.events.firstIndex { if case .ended = $0 { true } else { false } })
        guard case .ended(let effect, _, let at) = recording.events[index] else {
            return
        }
        recording.events[index] = .ended(effect, CommandReport(.exited(status: 1)), at: at)
        let replay = Replay(recording)
        #expect(!replay.isSame)
        #expect(replay.verdict.contains("decided otherwise at record \(index + 2)"), "\(replay.verdict)")
    }

    @Test func `an outcome that the list of runs has otherwise is a difference`() async throws {
        var recording = try await Recorded.run(Recorded.everything)
        recording.outcome = "failed"
        #expect(Replay(recording).verdict.contains("the run ended failed, and now succeeded"))
    }

    @Test func `what is printed for programs has every record with its body and its decisions`() async throws {
        let recording = try await Recorded.run(Recorded.everything)
        let json = Replay(recording).json
        let steps = try #require(json["steps"]?.arrayValue)
        #expect(steps.count == recording.events.count)
        #expect(steps.first?["kind"]?.stringValue == "run.started")
        #expect(steps.first?["decisions"]?.arrayValue?.isEmpty == false)
        #expect(json["same"]?.boolValue == true)
    }
}
