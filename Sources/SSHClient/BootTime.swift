// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A moment on the clock that never jumps and goes on while the machine sleeps.
struct BootTime: Comparable, Sendable {
    var nanoseconds: UInt64

    static func now() -> BootTime {
        var time = timespec()
        unsafe clock_gettime(CLOCK_BOOTTIME, &time)
        return BootTime(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    static func < (left: BootTime, right: BootTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Later by `duration`; a negative one counts as zero and an absurd one as a hundred years.
    static func + (moment: BootTime, duration: Duration) -> BootTime {
        BootTime(nanoseconds: moment.nanoseconds + duration.clampedNanoseconds)
    }

    static func - (later: BootTime, earlier: BootTime) -> Duration {
        .nanoseconds(Int64(clamping: later.nanoseconds) - Int64(clamping: earlier.nanoseconds))
    }
}

extension Duration {
    var clampedNanoseconds: UInt64 {
        let limit: Int64 = 100 * 365 * 86_400
        let (seconds, attoseconds) = self.components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return UInt64(min(seconds, limit)) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }

    /// For messages: `10 s`, `0.25 s`.
    var inSeconds: String {
        let milliseconds = self.clampedNanoseconds / 1_000_000
        guard milliseconds % 1_000 != 0 else { return "\(milliseconds / 1_000) s" }
        var digits = String(milliseconds % 1_000)
        digits = String(repeating: "0", count: 3 - digits.count) + digits
        while digits.hasSuffix("0") {
            digits.removeLast()
        }
        return "\(milliseconds / 1_000).\(digits) s"
    }
}
