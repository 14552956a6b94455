// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CronCalendar
import Foundation
import RunVocabulary
import Testing

@Suite struct ZoneRulesTests {
    // Goal: clocks show what the system says they show, in the past and long after the last transition of the file.
    // Method: compare the civil time with Foundation's at random moments between 1950 and 2090, and around each time that clocks are set.
    @Test(arguments: Zones.names)
    func `clocks show what Foundation says`(name: String) throws {
        let rules = try Zones.rules(name)
        let zone = try #require(TimeZone(identifier: name))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        var dice = Dice(state: 6)
        var moments = (0..<2_000).map { _ in Int64.random(in: -631_152_000...3_786_912_000, using: &dice) }
        var change = Date(timeIntervalSince1970: 1_700_000_000)
        for _ in 0..<20 {
            guard let next = zone.nextDaylightSavingTimeTransition(after: change) else {
                break
            }
            change = next
            moments += [-1, 0, 1].map { Int64(change.timeIntervalSince1970) + $0 }
        }
        for seconds in moments {
            let parts = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute],
                from: Date(timeIntervalSince1970: Double(seconds))
            )
            let numbers = [parts.month, parts.day, parts.hour, parts.minute].map { String(format: "%02d", $0 ?? 0) }
            let expected = "\(parts.year ?? 0)-\(numbers[0])-\(numbers[1]) \(numbers[2]):\(numbers[3])"
            #expect(rules.text(Instant(milliseconds: seconds * 1_000)) == expected, "at \(seconds)")
        }
    }

    @Test func `a file that is cut, long or something else is refused with the reason`() throws {
        let whole = Array(try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/Europe/Berlin")))
        var refused = 0
        for length in 0..<whole.count {
            // Without its last line it may still be whole, with a rule that is missing.
            refused += (try? ZoneRules(name: "cut", file: Array(whole[..<length]))) == nil ? 1 : 0
        }
        #expect(refused > whole.count * 9 / 10)
        #expect(Self.reason(Array(repeating: UInt8(ascii: "x"), count: 100)) == "it is no file of a time zone")
        #expect(Self.reason(Array(repeating: 0, count: ZoneRules.fileLimit + 1)) == "it is longer than 262144 bytes")
    }

    private static func reason(_ bytes: [UInt8]) -> String? {
        do throws(ZoneRules.Unreadable) {
            _ = try ZoneRules(name: "x", file: bytes)
            return nil
        } catch {
            return error.reason
        }
    }

    @Test func `whatever stands in a file, reading it ends`() throws {
        let whole = Array(try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/America/New_York")))
        var dice = Dice(state: 7)
        for _ in 0..<2_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...8, using: &dice) {
                bytes[Int.random(in: 0..<bytes.count, using: &dice)] = UInt8.random(in: 0...255, using: &dice)
            }
            if let rules = try? ZoneRules(name: "x", file: bytes) {
                _ = rules.text(Instant(milliseconds: 1_800_000_000_000))
            }
        }
    }
}
