// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// How many deliveries of one channel happen at once, and the line of those that wait.
final class DeliveryPlaces: Sendable {
    /// Deliveries under way at the same time.
    static let limit = 4
    /// Deliveries in line; the next one is turned away.
    static let waitingLimit = 64

    enum Entrance: Hashable, Sendable {
        case entered
        case turnedAway
        case timedOut
        case cancelled
    }

    private struct Waiter {
        let number: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var free = DeliveryPlaces.limit
        /// Everybody who waits or is about to.
        var inLine = 0
        var waiters: [Waiter] = []
        /// Those who were cancelled before they stood in line.
        var cancelled: Set<Int> = []
        var nextNumber = 0
    }

    private let state = Mutex(State())

    /// Takes a place, waiting in line for no longer than `patience`.
    ///
    /// Whoever gets ``Entrance/entered`` must call ``leave()``.
    func enter<C: Clock<Duration>>(patience: Duration, clock: C) async -> Entrance {
        let isFree = self.state.withLock { state -> Bool? in
            if state.free > 0 {
                state.free -= 1
                return true
            }
            guard state.inLine < Self.waitingLimit else { return nil }
            state.inLine += 1
            return false
        }
        switch isFree {
        case true?: return .entered
        case nil: return .turnedAway
        case false?: break
        }
        defer { self.state.withLock { $0.inLine -= 1 } }
        return await withTaskGroup(of: Entrance.self) { group in
            group.addTask { await self.wait() ? .entered : .cancelled }
            group.addTask {
                try? await clock.sleep(for: patience)
                return .timedOut
            }
            let first = await group.next() ?? .cancelled
            group.cancelAll()
            // A place may have become free in the very moment in which patience ended; then it is ours to give back.
            let second = await group.next() ?? .cancelled
            if first == .entered || second == .entered { return .entered }
            return Task.isCancelled ? .cancelled : .timedOut
        }
    }

    /// Gives the place to the first in line.
    func leave() {
        let next = self.state.withLock { state -> Waiter? in
            guard state.waiters.isEmpty else { return state.waiters.removeFirst() }
            state.free += 1
            return nil
        }
        next?.continuation.resume(returning: true)
    }

    /// Returns `false` if the task was cancelled before its turn came.
    private func wait() async -> Bool {
        let number = self.state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
        // Cancelled when the place was granted already: nobody will ask for the note.
        defer { self.state.withLock { _ = $0.cancelled.remove(number) } }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer = self.state.withLock { state -> Bool? in
                    if state.cancelled.remove(number) != nil { return false }
                    if state.free > 0 {
                        state.free -= 1
                        return true
                    }
                    state.waiters.append(Waiter(number: number, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = self.state.withLock { state -> Waiter? in
                guard let index = state.waiters.firstIndex(where: { $0.number == number }) else {
                    state.cancelled.insert(number)
                    return nil
                }
                return state.waiters.remove(at: index)
            }
            waiter?.continuation.resume(returning: false)
        }
    }
}
