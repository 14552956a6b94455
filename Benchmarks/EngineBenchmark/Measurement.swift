// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunVocabulary

/// What one measurement took: time on the wall, and processor time of this process.
struct Measurement {
    private let wall: Double
    private let cpu: Double

    static func begin() -> Measurement {
        Measurement(wall: self.wallSeconds, cpu: self.cpuSeconds)
    }

    /// The figures since the beginning, for `count` pieces of work called `unit`.
    func end(_ count: Int, unit: StaticString, rate: StaticString) -> Figures {
        Figures(
            count: count,
            unit: unit,
            rate: rate,
            seconds: Self.wallSeconds - self.wall,
            cpu: Self.cpuSeconds - self.cpu
        )
    }

    struct Figures {
        let count: Int
        let unit: StaticString
        let rate: StaticString
        let seconds: Double
        let cpu: Double

        var line: String {
            var writer = JSONWriter()
            writer.beginObject()
            writer.field(self.unit, self.count)
            writer.field("s", self.seconds)
            writer.field(self.rate, (Double(self.count) / self.seconds).rounded())
            writer.field("cpu", self.cpu)
            writer.endObject()
            return writer.text
        }
    }

    private static var wallSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
