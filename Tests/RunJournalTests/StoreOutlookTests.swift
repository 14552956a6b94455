// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunJournal
import Testing

@Suite struct StoreOutlookTests {
    @Test func `where nothing is yet, the place is judged and nothing is made`() async {
        let store = TemporaryStore()
        let outlook = await StoreOutlook.of(folder: "\(store.folder)/deep/er")
        let nearest = URL(fileURLWithPath: store.folder).deletingLastPathComponent().path
        #expect(outlook.state == .missing(nearest: nearest, isWritable: true))
        #expect(outlook.engine == nil)
        #expect(outlook.freeBytes ?? 0 > 0)
        #expect(!FileManager.default.fileExists(atPath: store.folder))
    }

    @Test func `a file in the way is no place for a store`() async throws {
        let file = NSTemporaryDirectory() + "selfheal-file-\(UUID().uuidString)"
        try Data().write(to: URL(fileURLWithPath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }
        #expect(await StoreOutlook.of(folder: "\(file)/store").state == .missing(nearest: file, isWritable: false))
    }

    @Test func `the engine's process is seen without touching its lock`() async throws {
        let temporary = TemporaryStore()
        let store = try temporary.open()
        try await store.createRun(.sample("r1"))
        try await store.createRun(.sample("r2", state: "succeeded", outcome: "succeeded"))
        let outlook = await StoreOutlook.of(folder: temporary.folder)
        #expect(outlook.engine == getpid())
        #expect(outlook.state == .there(schema: 2, runs: 2, unfinished: 1))
        await store.close()
        #expect(await StoreOutlook.of(folder: temporary.folder).engine == nil)
    }

    @Test func `a store that others may write in is refused with its reason`() async throws {
        let temporary = TemporaryStore()
        await (try temporary.open()).close()
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: temporary.folder)
        guard case .refused(let error) = await StoreOutlook.of(folder: temporary.folder).state else {
            Issue.record("it is refused")
            return
        }
        #expect(error.code == .unsafeFolder)
    }

    @Test func `the library tells its version`() {
        #expect(RunStore.libraryVersion.hasPrefix("3."))
    }
}
