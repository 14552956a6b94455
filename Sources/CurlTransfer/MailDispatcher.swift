// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl
internal import Synchronization

/// Sends each mail on a thread of its own.
///
/// libcurl speaks SMTP without blocking only up to the end of the message. Then it waits for the server's verdict, and
/// after that for its goodbye, without returning; on a shared thread one slow server would hold up every other mail.
/// Worse, taking an unfinished mail out of a multi handle sends the end-of-message mark, so that a cancelled mail could
/// be delivered cut short. Here a mail is only ever ended by hanging up.
final class MailDispatcher: Sendable {
    private struct State {
        var underWay: [Transfer] = []
        var isStopping = false
        var farewells: [CheckedContinuation<Void, Never>] = []
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    func start(_ transfer: Transfer) {
        guard !transfer.isSettled else { return }
        let refusal = self.state.withLock { state -> TransferError? in
            guard !state.isStopping else { return .stopped(transfer.target.origin) }
            guard state.underWay.count < self.limit else {
                return .overloaded(transfer.target.origin, underWay: state.underWay.count)
            }
            state.underWay.append(transfer)
            return nil
        }
        if let refusal { return transfer.settle(.failure(refusal)) }
        let isStarted = DriverThread.start {
            Self.carry(transfer)
            self.leave(transfer)
        }
        if !isStarted {
            transfer.settle(.failure(.overloaded(transfer.target.origin, underWay: self.limit)))
            self.leave(transfer)
        }
    }

    func stop() {
        let underWay = self.state.withLock { state in
            state.isStopping = true
            return state.underWay
        }
        for transfer in underWay { transfer.stop() }
    }

    func waitUntilStopped() async {
        await withCheckedContinuation { continuation in
            let isEmpty = self.state.withLock { state in
                if !state.underWay.isEmpty { state.farewells.append(continuation) }
                return state.underWay.isEmpty
            }
            if isEmpty { continuation.resume() }
        }
    }

    private static func carry(_ transfer: Transfer) {
        guard let handle = EasyHandle() else {
            return transfer.settle(.failure(.outOfMemory(transfer.target.origin)))
        }
        guard handle.prepare(transfer) else { return transfer.settle(.failure(handle.setupFailure())) }
        let result = unsafe curl_easy_perform(handle.pointer)
        transfer.settle(handle.outcome(of: result))
    }

    private func leave(_ transfer: Transfer) {
        let farewells = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            state.underWay.removeAll { $0 === transfer }
            guard state.underWay.isEmpty else { return [] }
            defer { state.farewells = [] }
            return state.farewells
        }
        for farewell in farewells { farewell.resume() }
    }
}
