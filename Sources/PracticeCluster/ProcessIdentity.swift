// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// One process, for ever: a pid is used again, a pid with the moment of its start is not.
struct ProcessIdentity: Hashable, Sendable {
    let pid: Int32
    /// In clock ticks since the machine started.
    let startTime: UInt64

    init(pid: Int32, startTime: UInt64) {
        self.pid = pid
        self.startTime = startTime
    }

    /// Reads what the service command wrote: the pid, a space, and the start time.
    init?(pidFile path: String) {
        self.init(line: Files.readText(path) ?? "")
    }

    /// The inverse of ``line``.
    init?(line: some StringProtocol) {
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let pid = Int32(words[0]), pid > 1, let startTime = UInt64(words[1]) else {
            return nil
        }
        self.init(pid: pid, startTime: startTime)
    }

    var line: String { "\(self.pid) \(self.startTime)\n" }

    var state: ProcessState {
        guard let entry = ProcessTable.entry(of: self.pid), entry.identity == self, !entry.isDead else {
            return .down
        }
        return entry.isFrozen ? .frozen(pid: self.pid) : .running(pid: self.pid)
    }

    /// Sends a signal, or says that the process is gone.
    ///
    /// The handle pins the process, so that the check and the signal are for the same one.
    @discardableResult
    func send(_ signal: Int32) -> Bool {
        let handle = pidfd_open(self.pid, 0)
        guard handle >= 0 else {
            return false
        }
        defer { close(handle) }
        guard self.state != .down else {
            return false
        }
        return pidfd_send_signal(handle, signal, nil, 0) == 0
    }

    /// Blocks until the process is gone; `false` at the deadline.
    func waitUntilGone(until end: ContinuousClock.Instant) -> Bool {
        let handle = pidfd_open(self.pid, 0)
        guard handle >= 0 else {
            return true
        }
        defer { close(handle) }
        return self.state == .down || Polling.wait(handle, until: end)
    }

    /// Blocks until the process stands still, and so takes no part in anything any more; `false` at the deadline.
    ///
    /// A signal is delivered when the kernel next runs the process, which is soon but not at once.
    func waitUntilFrozen(until end: ContinuousClock.Instant) -> Bool {
        while ContinuousClock.now < end {
            switch self.state {
            case .frozen: return true
            case .down: return false
            case .running: usleep(1000)
            }
        }
        return false
    }
}

/// What the kernel says about a process that the lab started.
package enum ProcessState: Hashable, Sendable {
    case running(pid: Int32)
    /// Stopped by a signal: it is there and does nothing.
    case frozen(pid: Int32)
    case down
}
