// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Glibc

extension LabRecord {
    static func read(from layout: Layout) throws(PracticeClusterError) -> LabRecord {
        guard let bytes = Files.read(layout.record) else {
            throw PracticeClusterError(
                .notALab,
                "'\(layout.folder)' holds no finished practice cluster; start one with 'selfheal lab up\(layout.option)', "
                    + "or clear the remains with 'selfheal lab down\(layout.option)'"
            )
        }
        do {
            let decoder = JSONDecoder()
            decoder.dateDecodingStrategy = .iso8601
            let record = try decoder.decode(LabRecord.self, from: Data(bytes))
            guard record.format == Self.currentFormat else {
                throw PracticeClusterError(
                    .notALab,
                    "'\(layout.record)' has format \(record.format) and this is a program for \(Self.currentFormat); "
                        + "use the version that built it to take it down"
                )
            }
            return record
        } catch let error as PracticeClusterError {
            throw error
        } catch {
            throw PracticeClusterError(.notALab, "'\(layout.record)' cannot be read: \(error)")
        }
    }

    func write(to layout: Layout) throws(PracticeClusterError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .iso8601
        let bytes: Data
        do {
            bytes = try encoder.encode(self)
        } catch {
            throw PracticeClusterError(.file, "lab.json cannot be written: \(error)")
        }
        try Files.replace(layout.record, with: Array(bytes) + [UInt8(ascii: "\n")])
    }

    /// Reads, changes and writes the record as one act, also against another process.
    static func update(
        in layout: Layout,
        _ change: (inout LabRecord) -> Void
    ) throws(PracticeClusterError) {
        let lock = open(layout.recordLock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            throw PracticeClusterError(.file, "'\(layout.recordLock)' cannot be opened: \(Files.reason())")
        }
        defer { close(lock) }
        // Held for a few milliseconds by each holder, so waiting here is bounded in practice.
        guard flock(lock, LOCK_EX) == 0 else {
            throw PracticeClusterError(.file, "'\(layout.recordLock)' cannot be locked: \(Files.reason())")
        }
        var record = try Self.read(from: layout)
        change(&record)
        try record.write(to: layout)
    }
}
