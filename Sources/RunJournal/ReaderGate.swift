// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Keeps the reading connection open for as long as somebody reads.
///
/// SQLite has no answer for who asks a connection that is closed, and takes the process down. A late reader is ordinary: an operator's word can
/// come while its run ends.
final class ReaderGate: Sendable {
    private struct State {
        var readers = 0
        var isClosed = false
        var whoWaits: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Whether reading is still allowed; whoever was let in has to ``leave()``.
    func enter() -> Bool {
        self.state.withLock { state in
            guard !state.isClosed else {
                return false
            }
            state.readers += 1
            return true
        }
    }

    func leave() {
        let released = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.readers -= 1
            guard state.readers == 0 else {
                return []
            }
            defer { state.whoWaits = [] }
            return state.whoWaits
        }
        for continuation in released {
            continuation.resume()
        }
    }

    /// Lets nobody in any more, and returns when everybody is out.
    func close() async {
        await withCheckedContinuation { continuation in
            let isEmpty = self.state.withLock { state in
                state.isClosed = true
                guard state.readers > 0 else {
                    return true
                }
                state.whoWaits.append(continuation)
                return false
            }
            if isEmpty {
                continuation.resume()
            }
        }
    }
}
