// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CurlTransfer
import Foundation
import Synchronization

@testable import Notifications

extension Notice {
    /// A notice as a run would make it; 21 November 2026, 03:14:15.926.
    static func sample(
        id: String = "r-7/notify/1",
        title: String = "Restore a quorum",
        message: String = "Two of three members are down.",
        facts: [Fact] = [Fact("leader", "zk2")]
    ) -> Notice {
        Notice(
            id: id,
            run: "r-7",
            runbook: "zookeeper_quorum_loss",
            title: title,
            severity: .critical,
            message: message,
            step: "hand_over",
            facts: facts,
            unixMilliseconds: 1_795_230_855_926
        )
    }
}

/// A clock on which every sleep is over at once and time passes by sleeping alone.
final class ImmediateClock: Clock, Sendable {
    struct Instant: InstantProtocol {
        var offset: Duration

        func advanced(by duration: Duration) -> Instant { Instant(offset: self.offset + duration) }

        func duration(to other: Instant) -> Duration { other.offset - self.offset }

        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct State {
        var now = Instant(offset: .zero)
        var sleeps: [Duration] = []
    }

    private let state = Mutex(State())

    var now: Instant { self.state.withLock { $0.now } }
    var sleeps: [Duration] { self.state.withLock { $0.sleeps } }
    var minimumResolution: Duration { .nanoseconds(1) }

    func advance(by duration: Duration) {
        self.state.withLock { $0.now = $0.now.advanced(by: duration) }
    }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        self.state.withLock { state in
            state.sleeps.append(state.now.duration(to: deadline))
            state.now = max(state.now, deadline)
        }
    }
}

/// A channel that answers from a list and keeps what it was asked.
final class ListedChannel: Channel {
    typealias Answer = Result<String?, ChannelFailure>

    private struct State {
        var answers: [Answer]
        var timeouts: [Duration] = []
    }

    private let state: Mutex<State>
    private let beforeAnswer: @Sendable () async -> Void

    init(_ answers: [Answer], beforeAnswer: @escaping @Sendable () async -> Void = {}) {
        self.state = Mutex(State(answers: answers))
        self.beforeAnswer = beforeAnswer
    }

    var timeouts: [Duration] { self.state.withLock { $0.timeouts } }

    func send(_ notice: Notice, timeout: Duration) async throws(ChannelFailure) -> String? {
        let answer = self.state.withLock { state in
            state.timeouts.append(timeout)
            return state.answers.isEmpty ? .success(nil) : state.answers.removeFirst()
        }
        await self.beforeAnswer()
        return try answer.get()
    }
}

/// Lends a libcurl driver and a folder, and takes both back.
func withWorld(_ body: (_ transfer: CurlTransfer, _ folder: String) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "selfheal-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let transfer = CurlTransfer()
    do {
        try await body(transfer, folder)
        await transfer.shutdown()
    } catch {
        await transfer.shutdown()
        throw error
    }
}
