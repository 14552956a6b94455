// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunJournal
import Testing

@Suite struct OpeningTests {
    @Test func `commits are flushed, and the settings are read back`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        let durability = try await store.durability()
        #expect(durability == Durability(journalMode: "wal", synchronous: 2, mappedBytes: 0))
    }

    @Test func `folder and files are for their owner alone`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        try await store.createRun(.sample("r1"))
        func mode(_ path: String) throws -> Int? {
            try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        }
        #expect(try mode(place.folder) == 0o700)
        for name in ["selfheal.db", "selfheal.db-wal", "selfheal.db-shm", "engine.lock"] {
            #expect(try mode("\(place.folder)/\(name)") == 0o600, "\(name)")
        }
        await store.close()
    }

    @Test func `a second engine is refused and told who the first one is`() throws {
        let place = TemporaryStore()
        let store = try place.open()
        let error = #expect(throws: StoreError.self) { try place.open() }
        #expect(error?.code == .heldByAnotherEngine(pid: getpid()))
        #expect(error?.message.contains("process \(getpid())") == true)
        withExtendedLifetime(store) {}
    }

    // Goal: an engine that ended leaves the folder free, whatever else the process does.
    // Method: between fork and exec a child has all descriptors of its parent; a copy of the lock's stands for such a child.
    @Test func `a child that is just being started does not keep the folder`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        let descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
        let lock = descriptors.first { number in
            let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
            return path == "\(place.folder)/engine.lock"
        }
        let copy = dup(try #require(lock))
        defer { close(copy) }
        await store.close()
        let next = try place.open()
        await next.close()
    }

    @Test func `of eight engines that start at once exactly one wins`() async throws {
        for _ in 0..<20 {
            let place = TemporaryStore()
            let winners = await withTaskGroup(of: RunStore?.self) { group in
                for _ in 0..<8 {
                    group.addTask { try? place.open() }
                }
                var winners: [RunStore] = []
                for await store in group {
                    if let store {
                        winners.append(store)
                    }
                }
                return winners
            }
            #expect(winners.count == 1)
        }
    }

    @Test func `every engine has a greater term than the one before it`() async throws {
        let place = TemporaryStore()
        var terms: [UInt64] = []
        for _ in 0..<3 {
            let store = try place.open()
            terms.append(store.term)
            await store.close()
        }
        #expect(terms == [1, 2, 3])
        #expect(try place.open(.readOnly).term == 3)
    }

    // Goal: whoever reads late gets an error, and not the end of the process.
    // Method: many read in a row while the store is closed; each of them is turned away in the end.
    @Test func `a store that is closed under its readers tells them so`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        await withTaskGroup(of: StoreError.Code?.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    do throws(StoreError) {
                        for _ in 0..<1_000_000 { _ = try await store.setting("none") }
                        return nil
                    } catch {
                        return error.code
                    }
                }
            }
            await store.close()
            for await code in group {
                #expect(code == .closed)
            }
        }
    }

    @Test func `a closed store refuses work, and the folder is free again`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        try await store.createRun(.sample("r1"))
        await store.close()
        #expect(await AppendTests.code { try await store.append([.sample("r1", 1)]) } == .closed)
        let next = try place.open()
        try await next.append([.sample("r1", 1)])
    }

    @Test func `a store that is let go frees its folder`() throws {
        let place = TemporaryStore()
        _ = try place.open()
        #expect(try place.open().term == 2)
    }

    @Test func `a reader sees what an engine wrote, while it runs and afterwards`() async throws {
        let place = TemporaryStore()
        let engine = try place.open()
        let reader = try place.open(.readOnly)
        for sequence in 1...20 as ClosedRange<Int64> {
            if sequence == 1 {
                try await engine.createRun(.sample("r1"))
            }
            try await engine.append([.sample("r1", sequence)])
            #expect(try await reader.records(of: "r1").count == Int(sequence))
        }
        #expect(await AppendTests.code { try await reader.append([.sample("r1", 21)]) } == .readOnly)
        await engine.close()
        #expect(try await reader.records(of: "r1").count == 20)
        #expect(try await place.open(.readOnly).records(of: "r1").count == 20)
    }

    @Test func `a reader finds no store where there is none, and makes none`() throws {
        let place = TemporaryStore()
        let missing = #expect(throws: StoreError.self) { try place.open(.readOnly) }
        #expect(missing?.code == .noStore)
        #expect(FileManager.default.fileExists(atPath: place.folder) == false)
        try FileManager.default.createDirectory(
            atPath: place.folder,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
        let empty = #expect(throws: StoreError.self) { try place.open(.readOnly) }
        #expect(empty?.code == .noStore)
    }

    @Test func `a newer schema is refused and left alone`() async throws {
        let place = TemporaryStore()
        await (try place.open()).close()
        try RawSQLite.execute("PRAGMA user_version = 99", at: place.database)
        for mode in [RunStore.Mode.engine, .readOnly] {
            let error = #expect(throws: StoreError.self) { try place.open(mode) }
            #expect(error?.code == .schemaTooNew(found: 99, known: 2))
        }
        try RawSQLite.execute("PRAGMA user_version = 2", at: place.database)
        #expect(try place.open().term == 2)
    }

    @Test func `a file that is not ours is refused`() throws {
        let text = TemporaryStore()
        try Self.makeFolder(text)
        try Data("this is not a database, and long enough to show it".utf8).write(
            to: URL(fileURLWithPath: text.database)
        )
        #expect(throws: StoreError.self) { try text.open() }
        let other = TemporaryStore()
        try Self.makeFolder(other)
        try RawSQLite.execute("CREATE TABLE photo (name TEXT)", at: other.database)
        let error = #expect(throws: StoreError.self) { try other.open() }
        #expect(error?.code == .foreignFile)
    }

    @Test func `a linked folder, or one that others may write in, is refused with the cure`() throws {
        let place = TemporaryStore()
        _ = try place.open()
        let link = place.folder + "-link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: place.folder)
        defer { try? FileManager.default.removeItem(atPath: link) }
        for mode in [RunStore.Mode.engine, .readOnly] {
            for name in [link, link + "/"] {
                let error = #expect(throws: StoreError.self) { try RunStore.open(folder: name, mode: mode) }
                #expect(error?.code == .unsafeFolder)
            }
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o770], ofItemAtPath: place.folder)
        let error = #expect(throws: StoreError.self) { try place.open() }
        #expect(error?.code == .unsafeFolder)
        #expect(error?.message.contains("chmod 700 '\(place.folder)'") == true)
    }

    @Test func `a folder that cannot be made is named`() throws {
        let place = TemporaryStore()
        let error = #expect(throws: StoreError.self) {
            try RunStore.open(folder: "\(place.folder)/missing/store", mode: .engine)
        }
        #expect(error?.code == .cannotOpen)
        #expect(error?.message.contains("\(place.folder)/missing/store") == true)
        let file = #expect(throws: StoreError.self) { try RunStore.open(folder: "/dev/null", mode: .engine) }
        #expect(file?.code == .unsafeFolder)
    }

    private static func makeFolder(_ place: TemporaryStore) throws {
        try FileManager.default.createDirectory(
            atPath: place.folder,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
    }
}
