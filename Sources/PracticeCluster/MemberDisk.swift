// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import ProbeZooKeeper

/// The files of one member, and the harm that can come to them.
///
/// `myid`, the configuration and everything else outside `version-2` stay as they are.
struct MemberDisk: Sendable {
    let name: String
    let dataFolder: String
    let logFolder: String

    private static let versionFolder = "version-2"

    /// What the files alone say, by the same script that the engine runs on a host.
    func look() async throws(PracticeClusterError) -> ZooKeeperDiskState {
        let arguments = DiskStateScript.arguments(dataDirectory: self.dataFolder, logDirectory: self.logFolder)
        let outcome = try await ChildProcess.run(
            ["/bin/sh", "-c", DiskStateScript.text, "sh"] + arguments,
            keeping: DiskStateScript.outputLimit
        )
        return ZooKeeperDiskState(scriptOutput: Array(outcome.output.utf8))
    }

    func wipe() throws(PracticeClusterError) -> String {
        for folder in Set([self.dataFolder, self.logFolder]).sorted() {
            try Files.remove("\(folder)/\(Self.versionFolder)")
        }
        return "emptied the disk of \(self.name)"
    }

    /// Flips one bit in the middle of every snapshot, as a dying disk might.
    func spoilSnapshots() throws(PracticeClusterError) -> String {
        let snapshots = Self.files("snapshot.", in: self.dataFolder)
        guard !snapshots.isEmpty else {
            throw PracticeClusterError(.file, "\(self.name) has no snapshot in '\(self.dataFolder)' to spoil")
        }
        for path in snapshots {
            guard var bytes = Files.read(path), !bytes.isEmpty else {
                throw PracticeClusterError(.file, "the snapshot '\(path)' cannot be read")
            }
            bytes[bytes.count / 2] ^= 1
            try Files.write(path, bytes)
        }
        return "flipped a bit in each of \(snapshots.count) snapshots of \(self.name)"
    }

    /// Cuts the newest log in the middle of its last record, as a crash in a write might.
    func tearNewestLog() throws(PracticeClusterError) -> String {
        for path in Self.files("log.", in: self.logFolder).reversed() {
            guard let bytes = Files.read(path) else {
                throw PracticeClusterError(.file, "the log '\(path)' cannot be read")
            }
            guard let last = Self.lastRecord(of: bytes) else {
                continue
            }
            try Files.write(path, Array(bytes[..<(last.lowerBound + last.count / 2)]))
            return "cut the last record of \(path) of \(self.name) in half"
        }
        throw PracticeClusterError(.file, "\(self.name) has no record in '\(self.logFolder)' to tear")
    }

    /// Where the last record of a sound log lies.
    ///
    /// After a header of 16 bytes, a record is a checksum of eight bytes, a length of four, the entry, and a letter; zeros
    /// follow the last one.
    static func lastRecord(of bytes: [UInt8]) -> Range<Int>? {
        var last: Range<Int>?
        var start = 16
        while start + 12 < bytes.count {
            let length = bytes[(start + 8)..<(start + 12)].reduce(0) { $0 << 8 | Int($1) }
            let end = start + 12 + length + 1
            guard length > 0, end <= bytes.count else {
                break
            }
            last = start..<end
            start = end
        }
        return last
    }

    /// Oldest first: the names end in a zxid in hexadecimal without leading zeros, so that the text does not sort them.
    private static func files(_ prefix: String, in folder: String) -> [String] {
        let folder = "\(folder)/\(Self.versionFolder)"
        let numbered = Files.names(in: folder).compactMap { name -> (Zxid, String)? in
            guard name.hasPrefix(prefix), let zxid = Zxid(hexadecimal: name.dropFirst(prefix.count)) else {
                return nil
            }
            return (zxid, "\(folder)/\(name)")
        }
        return numbered.sorted { $0.0 < $1.0 }.map(\.1)
    }
}
