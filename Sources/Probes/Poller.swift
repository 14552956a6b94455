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

    /// Something that happened to a descriptor.
    struct Event {
        let token: UInt64
        private let flags: UInt32

        init(token: UInt64, flags: UInt32) {
            self.token = token
            self.flags = flags
        }

        /// Whether bytes came, or the end, or a failure that reading tells.
        var hasInput: Bool {
            self.flags & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
        }

        /// Whether the other side will send no more.
        var hasEnd: Bool {
            self.flags & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0
        }
    }

    /// Fills in what happened to the descriptors; nothing when the time is over or a signal came.
    ///
    /// At most 256 come at once, and the rest with the next call. A negative time waits for ever.
    func wait(into happened: inout [Event], milliseconds: Int32) {
        happened.removeAll(keepingCapacity: true)
        unsafe withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.batchLimit) { events in
            let count = unsafe epoll_wait(self.descriptor, events.baseAddress, Int32(events.count), milliseconds)
            precondition(
                count >= 0 || clinux_errno() == EINTR,
                "epoll fails only when misused: \(systemErrorText(clinux_errno()))"
            )
            for index in 0..<max(0, Int(count)) {
                unsafe happened.append(Event(token: events[index].data.u64, flags: events[index].events))
            }
        }
    }
}
