// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// A reading of the clock that only goes forward, in nanoseconds.
///
/// The driver measures real waiting, so it reads the kernel's clock itself; nothing is decided on it beyond time-outs.
struct MonotonicTime: Hashable, Comparable, Sendable {
    /// A longer time-out is cut to this; a probe that may wait a day is a mistake in a configuration.
    static let longestTimeout: Duration = .seconds(86_400)

    var nanoseconds: UInt64

    static func now() -> Self {
        var time = timespec()
        let result = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        precondition(result == 0, "Linux always has CLOCK_MONOTONIC")
        return Self(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    static func < (left: Self, right: Self) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    func advanced(by duration: Duration) -> Self {
        let (seconds, attoseconds) = min(max(duration, .zero), Self.longestTimeout).components
        return Self(
            nanoseconds: self.nanoseconds + UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
        )
    }

    func duration(since earlier: Self) -> Duration {
        .nanoseconds(self.nanoseconds > earlier.nanoseconds ? Int64(self.nanoseconds - earlier.nanoseconds) : 0)
    }

    /// Whole milliseconds from `now` until this moment, rounded up so that a wait never ends too early.
    func millisecondsAway(from now: Self) -> Int32 {
        guard self > now else { return 0 }
        return Int32(clamping: (self.nanoseconds - now.nanoseconds + 999_999) / 1_000_000)
    }
}
