// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunVocabulary
import Synchronization

/// The one queue of a run: everything the world says arrives here, in the order it was said.
final class RunInbox: Sendable {
    struct Entry: Sendable {
        let event: @Sendable (Instant) -> RunEvent
        let done: (@Sendable () -> Void)?
    }

    private struct State {
        var entries: [Entry] = []
        var waiter: CheckedContinuation<Void, Never>?
        var isClosed = false
        var wasWoken = false
        /// Those who want to see the machine.
        var looks: [CheckedContinuation<RunMachine?, Never>] = []
        /// The machine of a run that is over.
        var last: RunMachine?
        var alarm: Task<Void, Never>?
        var alarmAt: Instant?
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// Puts in an event of the run's own work; there are never more of those than the machine asked for.
    func post(_ event: @escaping @Sendable (Instant) -> RunEvent) {
        self.add(Entry(event: event, done: nil), bounded: false)
    }

    /// Puts in what a person said, and waits until it is durable and handled.
    ///
    /// - Returns: whether the run took it; a run that is over, or whose inbox is full, does not.
    func submit(_ event: @escaping @Sendable (Instant) -> RunEvent) async -> Bool {
        await withCheckedContinuation { continuation in
            let answer = OneAnswer(continuation)
            if !self.add(Entry(event: event, done: { answer.give(true) }), bounded: true, refusal: answer) {
                answer.give(false)
            }
        }
    }

    private final class OneAnswer: Sendable {
        private let continuation: Mutex<CheckedContinuation<Bool, Never>?>

        init(_ continuation: CheckedContinuation<Bool, Never>) {
            self.continuation = Mutex(continuation)
        }

        func give(_ answer: Bool) {
            self.continuation.withLock { continuation -> CheckedContinuation<Bool, Never>? in
                defer { continuation = nil }
                return continuation
            }?.resume(returning: answer)
        }

        deinit {
            self.give(false)
        }
    }

    @discardableResult
    private func add(_ entry: Entry, bounded: Bool, refusal: OneAnswer? = nil) -> Bool {
        let (isAdded, waiter) = self.state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            guard !state.isClosed, !bounded || state.entries.count < self.limit else {
                return (false, nil)
            }
            state.entries.append(entry)
            defer { state.waiter = nil }
            return (true, state.waiter)
        }
        waiter?.resume()
        return isAdded
    }

    var hasWaiting: Bool {
        self.state.withLock { !$0.entries.isEmpty }
    }

    /// Everything that waits; suspends until there is something, somebody wants to look, or the alarm rings.
    func take() async -> [Entry] {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isReady = self.state.withLock { state in
                guard state.entries.isEmpty, state.looks.isEmpty, !state.wasWoken, !state.isClosed else {
                    return true
                }
                state.waiter = continuation
                return false
            }
            if isReady {
                continuation.resume()
            }
        }
        return self.state.withLock { state in
            state.wasWoken = false
            defer { state.entries = [] }
            return state.entries
        }
    }

    /// Rings once `sleep` returns; an alarm for another moment is taken back.
    func arm(_ moment: Instant, _ sleep: @escaping @Sendable () async -> Void) {
        let isArmed = self.state.withLock { $0.alarmAt == moment }
        guard !isArmed else {
            return
        }
        let alarm = Task {
            await sleep()
            guard !Task.isCancelled else {
                return
            }
            self.ring(moment)
        }
        self.state.withLock { state in
            state.alarm?.cancel()
            state.alarm = alarm
            state.alarmAt = moment
        }
    }

    /// Wakes whoever takes events, though there may be none.
    func nudge() {
        self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.wasWoken = true
            defer { state.waiter = nil }
            return state.waiter
        }?.resume()
    }

    private func ring(_ moment: Instant) {
        self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.wasWoken = true
            if state.alarmAt == moment {
                state.alarmAt = nil
            }
            defer { state.waiter = nil }
            return state.waiter
        }?.resume()
    }

    /// The machine between two events, everything it has taken being durable; nothing when the run stopped without an end, or when
    /// too many are asking.
    ///
    /// It is handed over only when somebody asks: a copy that is kept would make each event copy what all steps before it left behind.
    func look() async -> RunMachine? {
        await withCheckedContinuation { (continuation: CheckedContinuation<RunMachine?, Never>) in
            let (isQueued, last, waiter) = self.state.withLock {
                state -> (Bool, RunMachine?, CheckedContinuation<Void, Never>?) in
                guard !state.isClosed, state.looks.count < self.limit else {
                    return (false, state.last, nil)
                }
                state.looks.append(continuation)
                defer { state.waiter = nil }
                return (true, nil, state.waiter)
            }
            if !isQueued {
                continuation.resume(returning: last)
            }
            waiter?.resume()
        }
    }

    /// Shows the machine to everyone who asked.
    func show(_ machine: RunMachine) {
        let looks = self.state.withLock { state in
            defer { state.looks = [] }
            return state.looks
        }
        for look in looks {
            look.resume(returning: machine)
        }
    }

    /// Takes no more; whoever waits for an answer gets a no.
    ///
    /// - Parameter machine: what is shown from now on; nothing when what it has taken may not be durable.
    func close(showing machine: RunMachine?) {
        let (entries, looks) = self.state.withLock { state -> ([Entry], [CheckedContinuation<RunMachine?, Never>]) in
            // Closed a second time, it goes on showing what it showed.
            state.last = state.isClosed ? state.last : machine
            state.isClosed = true
            state.alarm?.cancel()
            state.alarm = nil
            defer {
                state.entries = []
                state.looks = []
            }
            return (state.entries, state.looks)
        }
        for look in looks {
            look.resume(returning: machine)
        }
        // Dropping an entry drops its answer, which then says no.
        _ = consume entries
    }
}
