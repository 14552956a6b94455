// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import ClusterWatch
package import CronCalendar
import Glibc
package import RunPlan

/// The system's database of time zones.
package enum SystemZones {
    private static let folder = "/usr/share/zoneinfo"
    private static let nameLimit = 64

    private struct NoZone: Error {
        let reason: String
    }

    package static func knows(_ name: String) -> Bool {
        (try? self.rules(of: name)) != nil
    }

    /// The zones that these runbooks and windows go by; one that cannot be read is left out, and whoever needs it does without.
    package static func book(for plans: [Plan], _ settings: WatchSettings) -> [String: ZoneRules] {
        let times = plans.flatMap { $0.alerts ?? [] }.filter { $0.kind == .cron }
        let names = Set(times.map(\.timezone) + settings.maintenance.map(\.timezone))
        return Dictionary(
            uniqueKeysWithValues: names.compactMap { name in (try? self.rules(of: name)).map { (name, $0) } }
        )
    }

    private static func rules(of name: String) throws -> ZoneRules {
        guard name != "UTC" else {
            return .utc
        }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard name.utf8.count <= self.nameLimit, parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") }),
            !name.utf8.contains(0)
        else {
            throw NoZone(reason: "no zone has such a name")
        }
        return try ZoneRules(name: name, file: self.bytes(at: "\(self.folder)/\(name)"))
    }

    private static func bytes(at path: String) throws(NoZone) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw NoZone(reason: String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: ZoneRules.fileLimit + 1)
        var count = 0
        while count < bytes.count {
            let step = bytes.withUnsafeMutableBytes { buffer in
                read(descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            }
            if step < 0, errno == EINTR {
                continue
            }
            guard step >= 0 else {
                throw NoZone(reason: String(cString: strerror(errno)))
            }
            guard step > 0 else {
                break
            }
            count += step
        }
        return Array(bytes.prefix(count))
    }
}
