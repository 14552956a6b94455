// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Owns one epoll descriptor.
final class Poller: Sendable {
    private static let batchLimit = 256
    private let descriptor: Int32

    init() throws(ProbeError) {
        self.descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard self.descriptor >= 0 else {
            throw ProbeError(
                .resourceExhausted,
                "cannot create an epoll descriptor: \(systemErrorText(clinux_errno()))"
            )
        }
    }

    deinit {
        if self.descriptor >= 0 { close(self.descriptor) }
    }

    /// Watches a descriptor until it is closed.
    func add(_ watched: Int32, events: UInt32, token: UInt64) {
        var event = unsafe epoll_event()
        unsafe event.events = events
        unsafe event.data.u64 = token
        let status = unsafe epoll_ctl(self.descriptor, EPOLL_CTL_ADD, watched, &event)
        precondition(status == 0, "a fresh descriptor can be watched: \(systemErrorText(clinux_errno()))")
    }

    /// Fills in the tokens of the descriptors that something happened to; none when the time is over or a signal came.
    ///
    /// What happened is not told: with edges, one tries to send and receive in any case. At most 256 come at
    /// once, and the rest with the next call. A negative time waits for ever.
    func wait(into tokens: inout [UInt64], milliseconds: Int32) {
        tokens.removeAll(keepingCapacity: true)
        unsafe withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.batchLimit) { events in
            let count = unsafe epoll_wait(self.descriptor, events.baseAddress, Int32(events.count), milliseconds)
            precondition(
                count >= 0 || clinux_errno() == EINTR,
                "epoll fails only when misused: \(systemErrorText(clinux_errno()))"
            )
            for index in 0..<max(0, Int(count)) { unsafe tokens.append(events[index].data.u64) }
        }
    }
}
