// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A file descriptor that is closed with its owner.
struct OwnedDescriptor: ~Copyable, Sendable {
    let number: CInt

    deinit {
        close(self.number)
    }
}

/// Waits for sockets, for a letter, or for a time: one epoll with a timer in it.
///
/// The timer counts the time the machine sleeps, which `epoll_wait`'s own timeout does not.
@safe struct Poller: ~Copyable {
    struct Interest: OptionSet {
        let rawValue: UInt32

        static let read = Interest(rawValue: EPOLLIN.rawValue | EPOLLRDHUP.rawValue)
        static let write = Interest(rawValue: EPOLLOUT.rawValue)
    }

    /// How many events one wait may bring; more simply come with the next one.
    private static let batchLimit = 256
    private static let timerTag: UInt64 = .max

    private let epoll: OwnedDescriptor
    private let timer: OwnedDescriptor
    private var armed: BootTime?
    private var events = unsafe [epoll_event](repeating: epoll_event(), count: Self.batchLimit)

    /// Fails only if the process has no descriptors left.
    init?() {
        let epoll = OwnedDescriptor(number: epoll_create1(CInt(EPOLL_CLOEXEC)))
        let timer = OwnedDescriptor(
            number: timerfd_create(CLOCK_BOOTTIME, CInt(bitPattern: UInt32(TFD_CLOEXEC | TFD_NONBLOCK)))
        )
        guard epoll.number >= 0, timer.number >= 0 else { return nil }
        self.epoll = epoll
        self.timer = timer
        self.watch(self.timer.number, for: .read, tag: Self.timerTag)
    }

    func watch(_ descriptor: CInt, for interest: Interest, tag: UInt64) {
        self.control(EPOLL_CTL_ADD, descriptor, interest, tag)
    }

    func change(_ descriptor: CInt, to interest: Interest, tag: UInt64) {
        self.control(EPOLL_CTL_MOD, descriptor, interest, tag)
    }

    func forget(_ descriptor: CInt) {
        self.control(EPOLL_CTL_DEL, descriptor, [], 0)
    }

    private func control(_ operation: CInt, _ descriptor: CInt, _ interest: Interest, _ tag: UInt64) {
        var event = unsafe epoll_event()
        unsafe event.events = interest.rawValue
        unsafe event.data.u64 = tag
        unsafe epoll_ctl(self.epoll.number, operation, descriptor, &event)
    }

    /// Sleeps until something is ready or `deadline` has passed, and returns the tags of what is ready.
    mutating func wait(until deadline: BootTime?) -> [UInt64] {
        self.arm(deadline)
        let count = unsafe epoll_wait(self.epoll.number, &self.events, CInt(Self.batchLimit), -1)
        // An interrupted wait brings nothing; the caller comes back.
        guard count > 0 else { return [] }
        var tags: [UInt64] = []
        tags.reserveCapacity(Int(count))
        for index in 0..<Int(count) {
            let tag = unsafe self.events[index].data.u64
            if tag == Self.timerTag {
                self.armed = nil
                var expirations: UInt64 = 0
                unsafe read(self.timer.number, &expirations, MemoryLayout<UInt64>.size)
            } else {
                tags.append(tag)
            }
        }
        return tags
    }

    private mutating func arm(_ deadline: BootTime?) {
        guard deadline != self.armed else { return }
        self.armed = deadline
        var setting = itimerspec()
        if let deadline {
            // All zeros would disarm the timer instead.
            let nanoseconds = max(deadline.nanoseconds, 1)
            setting.it_value.tv_sec = Int(nanoseconds / 1_000_000_000)
            setting.it_value.tv_nsec = Int(nanoseconds % 1_000_000_000)
        }
        unsafe timerfd_settime(self.timer.number, CInt(TFD_TIMER_ABSTIME), &setting, nil)
    }
}
