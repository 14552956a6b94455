// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CronCalendar
import Foundation
import RunVocabulary

/// Zones of the system's database, which these tests need (`tzdata`).
enum Zones {
    /// North and south, half hours, a clock that is set by half an hour, one that is set by law alone, and none at all.
    static let names = [
        "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata",
        "Africa/Casablanca", "Pacific/Apia", "Pacific/Chatham", "America/St_Johns",
    ]

    static func rules(_ name: String) throws -> ZoneRules {
        let bytes = try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/\(name)"))
        return try ZoneRules(name: name, file: Array(bytes))
    }

    /// A moment such as `2026-03-29T01:00:00Z`.
    static func moment(_ text: String) throws -> Instant {
        let date = try Date(text, strategy: .iso8601)
        return Instant(milliseconds: Int64(date.timeIntervalSince1970) * 1_000)
    }
}

/// The same numbers in every run.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state = self.state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return self.state ^ (self.state >> 33)
    }
}
