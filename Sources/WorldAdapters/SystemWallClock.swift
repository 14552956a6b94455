// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunPorts
package import RunVocabulary

/// The machine's clock, as it was when this process began, and counted on from there.
///
/// Between two looks it goes on with the time since boot, suspension included: setting the wall clock back or forward neither stops a run's
/// timers nor makes old facts young.
package struct SystemWallClock: WallClock {
    private static let origin = (wall: read(CLOCK_REALTIME), boot: read(CLOCK_BOOTTIME))

    package init() {}

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    package var now: Instant {
        Instant(milliseconds: Self.origin.wall + Self.read(CLOCK_BOOTTIME) - Self.origin.boot)
    }

    /// Sleeps by the clock that goes on while the machine is suspended, in slices.
    package func sleep(until moment: Instant) async {
        while !Task.isCancelled {
            let left: Int64 = moment.milliseconds - self.now.milliseconds
            guard left > 0 else {
                return
            }
            try? await Task.sleep(for: .milliseconds(min(left, 10_000 as Int64)), clock: .continuous)
        }
    }
}
