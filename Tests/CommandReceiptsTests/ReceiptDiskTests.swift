// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Foundation
import Glibc
import Testing

/// A disk that cannot take a receipt.
@Suite struct ReceiptDiskTests {
    @Test func `a folder that cannot be made is refused, with the system's reason`() throws {
        let host = try TargetHost()
        try "in the way".write(toFile: host.file(".selfheal"), atomically: true, encoding: .utf8)
        let wrapper = try host.wrapper()
        guard case .refused(.storeUnwritable(let reason)) = try host.send(wrapper.open(), wrapper).answer else {
            Issue.record("not refused")
            return
        }
        #expect(reason.contains("Not a directory") || reason.contains("File exists"))
    }

    // Goal: without room for its receipt a command does not run, and one that runs gets its status even so.
    // Method: a file system of one megabyte, filled to the last page.
    @Test(.enabled(if: Volume.isPossible, "needs root, to mount"), arguments: HostShell.installed)
    func `on a full disk nothing starts, and what had started is recorded`(shell: HostShell) throws {
        let host = try TargetHost(shell)
        let volume = try Volume(host)
        let (ready, go) = (try host.fifo("ready"), try host.fifo("go"))
        let store = try ReceiptStore(folder: volume.path + "/effects")
        let wrapper = try host.wrapper(store: store)
        #expect(try host.send(wrapper.open(), wrapper).answer == .opened)

        let before = try ReceiptOnceTests.ledger(host, "before", then: "echo 1 >'\(ready)'; read x <'\(go)'; exit 4")
        let front = try host.spawn(wrapper.start(before))
        _ = try ready.line()
        try volume.fill()
        let after = try ReceiptOnceTests.ledger(host, "after")
        guard case .refused(.storeUnwritable(let reason)) = try host.start(after, wrapper).answer else {
            Issue.record("not refused")
            return
        }
        #expect(reason.contains("No space left"))
        try go.release()
        #expect(front.report(wrapper).answer == .done(ReceiptEnding(status: 4, cause: .exited)))
        #expect(host.lines("ledger") == ["before"])

        try volume.makeRoom()
        #expect(try host.ask(after.id, wrapper).answer == .never(sealed: false))
        let later = try host.start(after, wrapper).answer
        #expect(later == ReceiptOnceTests.fine)
    }

    @Test(.enabled(if: Volume.isPossible, "needs root, to mount"))
    func `on a read-only disk nothing starts`() throws {
        let host = try TargetHost()
        let volume = try Volume(host)
        let wrapper = try host.wrapper(store: ReceiptStore(folder: volume.path + "/effects"))
        #expect(try host.send(wrapper.open(), wrapper).answer == .opened)
        try volume.makeReadOnly()
        guard
            case .refused(.storeUnwritable(let reason)) =
                try host.start(ReceiptOnceTests.ledger(host, "x"), wrapper).answer
        else {
            Issue.record("not refused")
            return
        }
        #expect(reason.contains("Read-only"))
        #expect(host.lines("ledger").isEmpty)
    }
}

/// A file system of one megabyte, mounted as long as this lives.
final class Volume {
    static var isPossible: Bool {
        geteuid() == 0
    }

    let path: String

    init(_ host: TargetHost) throws {
        self.path = host.file("volume")
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
        let result = mount("tmpfs", self.path, "tmpfs", 0, "size=1m")
        try #require(result == 0)
    }

    deinit {
        umount2(self.path, Int32(MNT_DETACH))
    }

    func fill() throws {
        let handle = open(self.path + "/ballast", O_WRONLY | O_CREAT, 0o600)
        defer { close(handle) }
        let page = [UInt8](repeating: 0, count: 4_096)
        while write(handle, page, page.count) > 0 {}
        try #require(errno == ENOSPC)
    }

    /// Grows the volume rather than removing the ballast: near its limit a tmpfs counts freed pages late.
    func makeRoom() throws {
        let result = mount("tmpfs", self.path, "tmpfs", UInt(MS_REMOUNT), "size=8m")
        try #require(result == 0)
    }

    func makeReadOnly() throws {
        let result = mount("tmpfs", self.path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), "size=1m")
        try #require(result == 0)
    }
}
