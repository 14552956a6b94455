// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl
internal import Glibc
internal import Synchronization

/// One thread that drives a libcurl multi handle, and the door through which other threads reach it.
///
/// Transfers pass through the inbox; ``TransferLoop`` empties it. The multi handle stays in the inbox as well, under
/// its lock, because waking the thread and destroying the handle must not overlap.
final class TransferDriver: Sendable {
    /// What other threads want the loop to do.
    struct Errands {
        var arrivals: [Transfer] = []
        var departures: [Transfer] = []
        var isStopping = false
    }

    @safe private struct Inbox {
        var errands = Errands()
        /// Whether the thread was told already; one wake-up is enough for any number of errands.
        var isWoken = false
        /// The multi handle, until the thread is done with it.
        var multi: UnsafeMutableRawPointer?
        var farewells: [CheckedContinuation<Void, Never>] = []
    }

    let limits: CurlTransfer.Limits
    private let inbox: Mutex<Inbox>

    init(limits: CurlTransfer.Limits) {
        guard let multi = unsafe curl_multi_init() else {
            preconditionFailure("libcurl has no memory for a multi handle")
        }
        self.limits = limits
        self.inbox = unsafe Mutex(Inbox(multi: multi))
        let isStarted = DriverThread.start {
            unsafe TransferLoop(driver: self, multi: self.inbox.withLock { unsafe $0.multi }).run()
            self.farewell()
        }
        precondition(isStarted, "the system gives no thread for transfers")
    }

    /// Hands a transfer to the thread, or settles it at once if there is no room or no thread any more.
    func start(_ transfer: Transfer) {
        let refusal = self.inbox.withLock { inbox -> TransferError? in
            guard !inbox.errands.isStopping else { return .stopped(transfer.target.origin) }
            guard inbox.errands.arrivals.count < self.limits.waiting else {
                return .overloaded(transfer.target.origin, waiting: inbox.errands.arrivals.count)
            }
            inbox.errands.arrivals.append(transfer)
            Self.wake(&inbox)
            return nil
        }
        if let refusal { transfer.settle(.failure(refusal)) }
    }

    /// Has the connection of a settled transfer closed.
    func abandon(_ transfer: Transfer) {
        self.inbox.withLock { inbox in
            guard unsafe inbox.multi != nil else { return }
            inbox.errands.departures.append(transfer)
            Self.wake(&inbox)
        }
    }

    func stop() {
        self.inbox.withLock { inbox in
            inbox.errands.isStopping = true
            Self.wake(&inbox)
        }
    }

    func waitUntilStopped() async {
        await withCheckedContinuation { continuation in
            let isGone = self.inbox.withLock { inbox in
                let isGone = unsafe inbox.multi == nil
                if !isGone { inbox.farewells.append(continuation) }
                return isGone
            }
            if isGone { continuation.resume() }
        }
    }

    /// Empties the inbox; for the loop alone.
    func collect() -> Errands {
        self.inbox.withLock { inbox in
            let errands = inbox.errands
            inbox.errands.arrivals = []
            inbox.errands.departures = []
            inbox.isWoken = false
            return errands
        }
    }

    private func farewell() {
        let farewells = self.inbox.withLock { inbox in
            if let multi = unsafe inbox.multi { unsafe curl_multi_cleanup(multi) }
            unsafe inbox.multi = nil
            defer { inbox.farewells = [] }
            return inbox.farewells
        }
        for farewell in farewells { farewell.resume() }
    }

    /// Writes to the multi handle's own wake-up socket, which libcurl allows from any thread.
    private static func wake(_ inbox: inout Inbox) {
        guard !inbox.isWoken, let multi = unsafe inbox.multi else { return }
        inbox.isWoken = unsafe curl_multi_wakeup(multi) == CURLM_OK
    }
}
