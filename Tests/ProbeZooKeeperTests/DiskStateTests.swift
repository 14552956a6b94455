// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import ProbeZooKeeper

/// The script and its reader together, on folders made here, with the shells of this host.
@Suite struct DiskStateTests {
    static let shells: [[String]] = [["/bin/sh"], ["/bin/bash", "--posix"], ["/usr/bin/busybox", "sh"]]
        .filter { FileManager.default.isExecutableFile(atPath: $0[0]) }

    /// A member's folder, removed when the test is over.
    private final class Folder {
        let url: URL

        init(myID: String? = "2\n") throws {
            self.url = try ZooKeeperServer.temporaryDirectory()
            if let myID { try self.write("myid", Array(myID.utf8)) }
        }

        deinit {
            try? FileManager.default.removeItem(at: self.url)
        }

        var path: String { self.url.path }

        func write(_ name: String, _ bytes: [UInt8], size: Int? = nil) throws {
            let file = self.url.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(bytes).write(to: file)
            if let size {
                let handle = try FileHandle(forWritingTo: file)
                try handle.truncate(atOffset: UInt64(size))
                try handle.close()
            }
        }

        func writeEpochs(current: String?, accepted: String?) throws {
            if let current { try self.write("version-2/currentEpoch", Array(current.utf8)) }
            if let accepted { try self.write("version-2/acceptedEpoch", Array(accepted.utf8)) }
        }
    }

    private func state(
        _ folder: Folder,
        logs: Folder? = nil,
        shell: [String] = ["/bin/sh"]
    ) throws -> ZooKeeperDiskState {
        try self.state(of: folder, logs: logs?.path, keeping: logs, shell: shell)
    }

    /// Looks into a folder, which must not be removed before the script has ended.
    private func state(
        of folder: Folder,
        data: String? = nil,
        logs: String? = nil,
        keeping other: Folder? = nil,
        shell: [String] = ["/bin/sh"],
        as user: [String] = []
    ) throws -> ZooKeeperDiskState {
        defer { withExtendedLifetime((folder, other)) {} }
        let output = try runDiskScript(data: data ?? folder.path, logs: logs, shell: shell, as: user).output
        return ZooKeeperDiskState(scriptOutput: output)
    }

    private func whole() throws -> Folder {
        let folder = try Folder()
        try folder.write("version-2/snapshot.0", DiskWriter.snapshot())
        try folder.write("version-2/log.100000001", DiskWriter.log(1...9), size: 64 << 20)
        try folder.writeEpochs(current: "1", accepted: "1")
        return folder
    }

    @Test(arguments: Self.shells)
    func `a whole member is intact, in every shell`(shell: [String]) throws {
        let folder = try self.whole()
        try folder.write(
            "version-2/snapshot.100000003",
            DiskWriter.snapshot(payload: [UInt8](repeating: 7, count: 200_000))
        )
        try folder.write("version-2/log.1", DiskWriter.log(1...1, epoch: 0))
        try folder.write("version-2/log.100000001.bak", [1])
        try folder.write("version-2/snapshot.tmp", [1])
        try folder.write("initialize", [])
        let state = try self.state(folder, shell: shell)
        #expect(state.verdict == .intact)
        #expect(state.myID == 2)
        #expect(state.currentEpoch == 1)
        #expect(state.acceptedEpoch == 1)
        #expect(state.lastZxid == .exactly(Zxid(epoch: 1, counter: 9)))
        #expect(state.logNames == ["log.100000001", "log.1"])
        #expect(state.snapshots.map(\.name) == ["snapshot.100000003", "snapshot.0"])
        #expect(state.snapshots.map(\.check) == [.ends, .checksum])
        #expect(state.initializeMarkers == ["data", "log"])
        #expect(state.notes == ["of snapshot.100000003 only the header and the end were checked"])
    }

    @Test func `a preallocated log costs little time, wherever its data ends`() throws {
        for megabytes in [0, 3, 40] {
            let folder = try self.whole()
            let payload = [UInt8](repeating: 5, count: 1_000_000)
            var log = DiskWriter.logHeader
            for counter in 0..<megabytes {
                log += DiskWriter.record(Zxid(epoch: 1, counter: Int64(counter + 1)), payload: payload)
            }
            log += DiskWriter.record(Zxid(epoch: 1, counter: 1_000))
            try folder.write("version-2/log.100000001", log, size: 64 << 20)
            let (output, duration) = try withExtendedLifetime(folder) { try runDiskScript(data: folder.path) }
            let state = ZooKeeperDiskState(scriptOutput: output)
            #expect(state.verdict == .intact)
            #expect(state.lastZxid == .exactly(Zxid(epoch: 1, counter: 1_000)))
            #expect(output.count < DiskStateScript.outputLimit)
            // Normally a sixtieth of this; a script that starts a program for each record takes hours.
            #expect(duration < .seconds(60))
        }
    }

    @Test func `zeros within the data are not its end`() throws {
        let folder = try self.whole()
        let zeros = [UInt8](repeating: 0, count: 900_000)
        var log = DiskWriter.log(1...2, payload: zeros)
        log += DiskWriter.record(Zxid(epoch: 1, counter: 3))
        try folder.write("version-2/log.100000001", log, size: 64 << 20)
        #expect(try self.state(folder).lastZxid == .exactly(Zxid(epoch: 1, counter: 3)))
    }

    @Test func `a last record longer than what is sent gives a lower bound`() throws {
        let folder = try self.whole()
        let log =
            DiskWriter.log(1...1)
            + DiskWriter.record(Zxid(epoch: 1, counter: 2), payload: [UInt8](repeating: 5, count: 1_400_000))
        try folder.write("version-2/log.100000001", log, size: 64 << 20)
        let state = try self.state(folder)
        #expect(state.verdict == .intact)
        #expect(state.lastZxid == .atLeast(Zxid(epoch: 1, counter: 1)))
    }

    @Test func `an empty member is lost, whether or not its folders were made`() throws {
        let bare = try Folder()
        #expect(try self.state(bare).verdict == .lost)
        let emptied = try Folder()
        try emptied.writeEpochs(current: "-1", accepted: "-1")
        let state = try self.state(emptied)
        #expect(state.verdict == .lost)
        #expect(state.currentEpoch == -1)
        let logs = try Folder(myID: nil)
        #expect(try self.state(bare, logs: logs).verdict == .lost)
    }

    @Test func `what could not be seen is unknown, never lost`() throws {
        let unmounted = try Folder(myID: nil)
        #expect(
            try self.state(unmounted).verdict
                == .unknown(
                    "the data directory holds neither myid nor data; is its disk mounted, and is the path right?"
                )
        )
        #expect(
            try self.state(of: unmounted, data: unmounted.path + "/nowhere").verdict
                == .unknown("the data directory does not exist or cannot be seen; check the path")
        )
        let folder = try self.whole()
        #expect(
            try self.state(of: folder, logs: "/nowhere").verdict
                == .unknown("the log directory does not exist or cannot be seen; check the path")
        )
        #expect(
            try self.state(of: folder, data: folder.path + "/myid").verdict
                == .unknown("the data directory is not a directory")
        )
    }

    @Test(.enabled(if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv")))
    func `a folder or file that may not be read is unknown`() throws {
        let nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        for (name, mode) in [
            ("", 0o700), ("version-2", 0o700), ("version-2", 0o744), ("version-2/log.100000001", 0o600),
            ("version-2/snapshot.0", 0o600), ("version-2/currentEpoch", 0o600), ("myid", 0o600),
        ] {
            let folder = try self.whole()
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.path)
            #expect(try self.state(of: folder, as: nobody).verdict == .intact)
            let path = folder.url.appending(path: name).path
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let verdict = try self.state(of: folder, as: nobody).verdict
            guard case .unknown = verdict else {
                Issue.record("'\(name)' with mode \(String(mode, radix: 8)): \(verdict)")
                continue
            }
        }
    }

    @Test func `what a server would refuse is damaged`() throws {
        let table: [(String, (Folder) throws -> Void)] = [
            (
                "there are transaction logs and no snapshot; a server refuses to start from that",
                {
                    try FileManager.default.removeItem(at: $0.url.appending(path: "version-2/snapshot.0"))
                }
            ),
            ("acceptedEpoch 1 is lower than currentEpoch 2", { try $0.writeEpochs(current: "2", accepted: "1") }),
            (
                "currentEpoch 0 is older than the last transaction 0x100000009",
                { try $0.writeEpochs(current: "0", accepted: "1") }
            ),
            ("currentEpoch holds no number", { try $0.writeEpochs(current: "x", accepted: "1") }),
            ("acceptedEpoch holds no number", { try $0.writeEpochs(current: "1", accepted: "") }),
            (
                "no snapshot is whole; snapshot.0: the end is missing",
                {
                    try $0.write("version-2/snapshot.0", Array(DiskWriter.snapshot().dropLast(2)))
                }
            ),
            (
                "log.100000001: the header does not say ZKLG, at byte 0",
                {
                    try $0.write("version-2/log.100000001", [], size: 1_000)
                }
            ),
            (
                "log.100000001 is empty and not the newest log",
                {
                    try $0.write("version-2/log.100000001", [])
                    try $0.write("version-2/log.100000002", DiskWriter.logHeader, size: 1 << 20)
                }
            ),
        ]
        for (reason, damage) in table {
            let folder = try self.whole()
            try damage(folder)
            #expect(try self.state(folder).verdict == .damaged(reason))
        }
    }

    @Test func `what a server bears is intact, with a note`() throws {
        // The newest snapshot is broken, an older one is whole.
        let folder = try self.whole()
        try folder.write("version-2/snapshot.100000005", [1, 2, 3])
        let older = try self.state(folder)
        #expect(older.verdict == .intact)
        #expect(older.notes == ["snapshot.100000005 is broken; a server would start from snapshot.0"])

        // The newest log was made and nothing written to it.
        try folder.write("version-2/log.10000000a", [])
        #expect(try self.state(folder).verdict == .intact)
        #expect(try self.state(folder).lastZxid == .exactly(Zxid(epoch: 1, counter: 9)))
        try folder.write("version-2/log.10000000a", DiskWriter.logHeader, size: 64 << 20)
        #expect(try self.state(folder).lastZxid == .exactly(Zxid(epoch: 1, counter: 9)))

        // Without epoch files the server makes them from the last transaction.
        try FileManager.default.removeItem(at: folder.url.appending(path: "version-2/currentEpoch"))
        try FileManager.default.removeItem(at: folder.url.appending(path: "version-2/acceptedEpoch"))
        #expect(try self.state(folder).verdict == .intact)
        #expect(try self.state(folder).currentEpoch == nil)

        // An epoch that was being written.
        try folder.writeEpochs(current: "0", accepted: "1")
        try folder.write("version-2/currentEpoch.tmp", [UInt8(ascii: "1")])
        #expect(try self.state(folder).verdict == .intact)

        // A member that has just taken its snapshot from the leader.
        let synced = try Folder()
        try synced.write("version-2/snapshot.300000007", DiskWriter.snapshot())
        #expect(try self.state(synced).lastZxid == .exactly(Zxid(epoch: 3, counter: 7)))
    }

    @Test func `logs in a directory of their own are found`() throws {
        let data = try Folder()
        try data.write("version-2/snapshot.0", DiskWriter.snapshot())
        let logs = try Folder(myID: nil)
        try logs.write("version-2/log.100000001", DiskWriter.log(1...4))
        try logs.write("initialize", [])
        let state = try self.state(data, logs: logs)
        #expect(state.verdict == .intact)
        #expect(state.lastZxid == .exactly(Zxid(epoch: 1, counter: 4)))
        #expect(state.initializeMarkers == ["log"])
    }

    @Test func `odd names neither break the script nor reach the shell`() throws {
        let parent = try Folder()
        let name = "a b'\"$(touch \(parent.path)/pwned)`;*"
        try parent.write("\(name)/myid", Array("3".utf8))
        try parent.write("\(name)/version-2/snapshot.0", DiskWriter.snapshot())
        try parent.write("\(name)/version-2/log.1\nproblem x", [1])
        let state = try self.state(of: parent, data: "\(parent.path)/\(name)")
        #expect(state.myID == 3)
        #expect(!FileManager.default.fileExists(atPath: parent.path + "/pwned"))
    }

    @Test func `output that is cut, changed or foreign is unknown`() throws {
        let folder = try self.whole()
        let output = try withExtendedLifetime(folder) { try runDiskScript(data: folder.path).output }
        #expect(ZooKeeperDiskState(scriptOutput: output).verdict == .intact)
        for length in [0, 10, 100, output.count / 2, output.count - 2] {
            guard case .unknown = ZooKeeperDiskState(scriptOutput: Array(output.prefix(length))).verdict else {
                Issue.record("\(length) of \(output.count) bytes were enough")
                continue
            }
        }
        let text = String(decoding: output, as: UTF8.self)
        for changed in [
            text.replacing("directory data ok\n", with: ""),
            text.replacing("directory data ok", with: "directory data splendid"),
            text.replacing("done", with: "problem cannot read log.1\ndone"),
            text.replacing("done", with: "sh: 1: dd: not found\ndone"),
            text.replacing("bytes log log.100000001 0 65536", with: "bytes log log.100000001 0 65537"),
            text.replacing("bytes log log.100000001", with: "bytes log log.2"),
            text.replacing("WktTTg", with: "Wkt?Tg"),
            "bash: line 1: sh: command not found\n",
        ] {
            guard case .unknown = ZooKeeperDiskState(scriptOutput: Array(changed.utf8)).verdict else {
                Issue.record("taken: \(changed.prefix(200))")
                continue
            }
        }
    }

    @Test func `base64 is read as it is written`() {
        for (text, bytes) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob")] {
            var decoder = Base64Decoder()
            let isRead = decoder.add(Array(text.utf8)[...])
            #expect(isRead && decoder.bytes == Array(bytes.utf8))
        }
        for text in ["Zg==Zg", "Z*", "Zg "] {
            var decoder = Base64Decoder()
            let isRead = decoder.add(Array(text.utf8)[...])
            #expect(!isRead)
        }
    }
}
