// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl
internal import Glibc

/// What the driver's thread does: admits transfers, lets libcurl work, and settles what is finished.
///
/// Lives on that thread alone.
@safe final class TransferLoop {
    /// Longest sleep without an event, in milliseconds; libcurl's own timers shorten it, and nothing depends on it.
    private static let longestPollMilliseconds: Int32 = 1000
    /// Pause after a failed poll, in milliseconds, so that a broken descriptor cannot occupy the whole processor.
    private static let pauseAfterFailedPollMilliseconds: Int32 = 20
    /// Longest delay until a transfer that waits for a place notices that its time is over.
    private static let waitingSweepMilliseconds: Int32 = 50

    private let driver: TransferDriver
    private let multi: UnsafeMutableRawPointer?
    private var waiting: [Transfer] = []
    private var live: [UInt: EasyHandle] = [:]
    /// Handles between two transfers; together with `live` never more than the concurrency limit.
    private var idle: [EasyHandle] = []

    init(driver: TransferDriver, multi: UnsafeMutableRawPointer?) {
        self.driver = driver
        unsafe self.multi = unsafe multi
        _ = unsafe clibcurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, driver.limits.concurrency)
    }

    func run() {
        while true {
            let errands = self.driver.collect()
            for transfer in errands.arrivals { self.admit(transfer) }
            for transfer in errands.departures { self.drop(transfer) }
            if errands.isStopping { return self.end() }
            self.expireWaiting()
            self.startWaiting()
            var running: Int32 = 0
            _ = unsafe curl_multi_perform(self.multi, &running)
            self.settleFinished()
            self.startWaiting()
            self.sleep()
        }
    }

    private func admit(_ transfer: Transfer) {
        guard !transfer.isSettled else { return }
        guard self.waiting.count < self.driver.limits.waiting else {
            return transfer.settle(.failure(.overloaded(transfer.target.origin, waiting: self.waiting.count)))
        }
        self.waiting.append(transfer)
    }

    private func drop(_ transfer: Transfer) {
        if let handle = self.live.values.first(where: { $0.transfer === transfer }) {
            self.release(handle)
        } else {
            self.waiting.removeAll { $0 === transfer }
        }
    }

    private func expireWaiting() {
        guard !self.waiting.isEmpty else { return }
        let now = ContinuousClock.now
        self.waiting.removeAll { transfer in
            guard transfer.deadline <= now else { return false }
            transfer.settle(.failure(.waitedTooLong(transfer.target.origin)))
            return true
        }
    }

    private func startWaiting() {
        let places = self.driver.limits.concurrency - self.live.count
        let starters = self.waiting.prefix(max(0, places))
        self.waiting.removeFirst(starters.count)
        for transfer in starters { self.start(transfer) }
    }

    private func start(_ transfer: Transfer) {
        guard let handle = self.idle.popLast() ?? EasyHandle() else {
            return transfer.settle(.failure(.outOfMemory(transfer.target.origin)))
        }
        guard handle.prepare(transfer), unsafe curl_multi_add_handle(self.multi, handle.pointer) == CURLM_OK else {
            transfer.settle(.failure(handle.setupFailure()))
            handle.forget()
            return self.idle.append(handle)
        }
        self.live[handle.id] = handle
    }

    private func settleFinished() {
        var left: Int32 = 0
        while let message = unsafe curl_multi_info_read(self.multi, &left) {
            guard unsafe message.pointee.msg == CURLMSG_DONE,
                let handle = unsafe self.live[UInt(bitPattern: message.pointee.easy_handle)]
            else { continue }
            let outcome = unsafe handle.outcome(of: clibcurl_message_result(message))
            handle.transfer?.settle(outcome)
            self.release(handle)
        }
    }

    private func release(_ handle: EasyHandle) {
        self.live.removeValue(forKey: handle.id)
        _ = unsafe curl_multi_remove_handle(self.multi, handle.pointer)
        handle.forget()
        self.idle.append(handle)
    }

    private func sleep() {
        let longest = self.waiting.isEmpty ? Self.longestPollMilliseconds : Self.waitingSweepMilliseconds
        if unsafe curl_multi_poll(self.multi, nil, 0, longest, nil) != CURLM_OK {
            _ = poll(nil, 0, Self.pauseAfterFailedPollMilliseconds)
        }
    }

    private func end() {
        for transfer in self.waiting { transfer.stop() }
        self.waiting = []
        for handle in Array(self.live.values) {
            handle.transfer?.stop()
            self.release(handle)
        }
        self.idle = []
    }
}
