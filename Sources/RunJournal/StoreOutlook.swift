// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDBSQLite
import Glibc

/// What can be seen of a store from outside: nothing is locked, made or written.
package struct StoreOutlook: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        /// There is none; the nearest folder above that is there, and whether we could make one in it.
        case missing(nearest: String, isWritable: Bool)
        case refused(StoreError)
        /// *In doubt*: runs that have ended and left something to be settled.
        case there(schema: Int, runs: Int, unfinished: Int, inDoubt: Int = 0)
    }

    package var state: State
    /// The process that holds the engine's lock.
    package var engine: Int32?
    package var freeBytes: Int64?

    /// The process that is the engine of a store, if one is.
    package static func engine(ofStoreIn path: String) -> Int32? {
        self.lockHolder(StoreFolder(path: path).lock)
    }

    /// `doubtful` is the state of runs that have ended and left something in doubt, where these are to be counted.
    package static func of(folder path: String, doubtful: String? = nil) async -> StoreOutlook {
        let folder = StoreFolder(path: path)
        let nearest = Self.nearest(folder.path)
        var outlook = StoreOutlook(state: .missing(nearest: nearest, isWritable: Self.isWritable(nearest)))
        outlook.freeBytes = Self.freeBytes(nearest)
        outlook.engine = Self.lockHolder(folder.lock)
        do throws(StoreError) {
            let store = try RunStore.open(folder: path, mode: .readOnly)
            let unfinished = try await store.runs(.unfinished).count
            var inDoubt = 0
            if let doubtful {
                inDoubt = try await store.runs(.inState(doubtful)).count
            }
            let runs = try await store.runs(.latest(JournalLimits.runsPerListing)).count
            await store.close()
            outlook.state = .there(schema: StoreSchema.version, runs: runs, unfinished: unfinished, inDoubt: inDoubt)
        } catch {
            // Where the folder itself is not there, what is above it says more.
            if nearest == folder.path, error.code != .noStore {
                outlook.state = .refused(error)
            }
        }
        return outlook
    }

    private static func nearest(_ path: String) -> String {
        var path = path[...]
        while !path.isEmpty, access(String(path), F_OK) != 0 {
            path = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
        }
        return path.isEmpty ? "/" : String(path)
    }

    private static func isWritable(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && access(path, W_OK | X_OK) == 0
    }

    private static func freeBytes(_ path: String) -> Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else {
            return nil
        }
        let (bytes, isTooMuch) = Int64(clamping: status.f_bavail).multipliedReportingOverflow(
            by: Int64(clamping: status.f_frsize)
        )
        return isTooMuch ? .max : bytes
    }

    /// Reads in `/proc/locks` who holds a lock on a file; trying to take it could keep an engine from starting.
    private static func lockHolder(_ path: String) -> Int32? {
        var status = stat()
        guard stat(path, &status) == 0, let file = fopen("/proc/locks", "re") else {
            return nil
        }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            // `1: FLOCK  ADVISORY  WRITE 4711 08:01:131073 0 EOF`
            let words = text.split(whereSeparator: { $0 == " " || $0 == "\n" })
            guard words.count > 5, words[1] == "FLOCK", words[5].split(separator: ":").last == "\(status.st_ino)" else {
                continue
            }
            return Int32(words[4])
        }
        return nil
    }
}

extension RunStore {
    /// The version of SQLite as it is loaded.
    package static var libraryVersion: String {
        String(cString: sqlite3_libversion())
    }
}
