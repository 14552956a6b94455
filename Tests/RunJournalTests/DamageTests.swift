// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunJournal
import Synchronization
import Testing

@Suite struct DamageTests {
    private static func filled(_ count: Int64 = 5) async throws -> TemporaryStore {
        let place = TemporaryStore()
        let store = try place.open()
        try await store.createRun(.sample("r1"))
        try await store.append((1...count).map { .sample("r1", $0, #"{"word":"needle-\#($0)"}"#) })
        await store.close()
        return place
    }

    @Test func `a changed byte is found and the record named`() async throws {
        let place = try await Self.filled()
        try place.replace("needle-3", with: "needle_3")
        let store = try place.open()
        #expect(await AppendTests.code { _ = try await store.records(of: "r1") } == .corrupt(run: "r1", sequence: 3))
        #expect(try await store.records(of: "r1", limit: 2).count == 2)
    }

    @Test(arguments: 1...5 as ClosedRange<Int64>)
    func `a missing record is found, the last one too`(sequence: Int64) async throws {
        let place = try await Self.filled()
        try RawSQLite.execute("DELETE FROM record WHERE sequence = \(sequence)", at: place.database)
        let store = try place.open()
        #expect(
            await AppendTests.code { _ = try await store.records(of: "r1") } == .corrupt(run: "r1", sequence: sequence)
        )
    }

    @Test(arguments: [
        "UPDATE record SET sequence = -1 WHERE sequence = 2; UPDATE record SET sequence = 2 WHERE sequence = 4;"
            + "UPDATE record SET sequence = 4 WHERE sequence = -1",
        "UPDATE record SET at = at + 1 WHERE sequence = 2",
        "UPDATE record SET kind = 'other' WHERE sequence = 2",
        "UPDATE record SET checksum = checksum + 1 WHERE sequence = 2",
    ])
    func `whatever is changed about a record is found`(sql: String) async throws {
        let place = try await Self.filled()
        try RawSQLite.execute(sql, at: place.database)
        let store = try place.open(.readOnly)
        #expect(await AppendTests.code { _ = try await store.records(of: "r1") } == .corrupt(run: "r1", sequence: 2))
    }

    @Test func `a run whose fixed facts were changed does not fit its records`() async throws {
        let place = try await Self.filled()
        try RawSQLite.execute("UPDATE run SET plan_digest = 'sha256:01'", at: place.database)
        let store = try place.open()
        #expect(await AppendTests.code { _ = try await store.records(of: "r1") } == .corrupt(run: "r1", sequence: 1))
    }

    @Test func `after a failed commit nothing is accepted any more`() async throws {
        struct Broken: Error {}
        let place = TemporaryStore()
        let isBroken = Atomic(false)
        let store = try place.open(
            faults: StoreFaults(beforeCommit: {
                if isBroken.load(ordering: .relaxed) {
                    throw Broken()
                }
            })
        )
        try await store.createRun(.sample("r1"))
        isBroken.store(true, ordering: .relaxed)
        let first = await #expect(throws: StoreError.self) { try await store.append([.sample("r1", 1)]) }
        #expect(first?.code == .writeFailed(.other))
        isBroken.store(false, ordering: .relaxed)
        let second = await #expect(throws: StoreError.self) { try await store.append([.sample("r1", 1)]) }
        #expect(first == second)
        #expect(await AppendTests.code { try await store.setSetting("freeze", to: "on") } == first?.code)
        await store.close()
        #expect(try await place.open().records(of: "r1").isEmpty)
    }

    @Test func `a full disk is reported as such, with the file named`() async throws {
        let place = TemporaryStore()
        let store = try place.open(faults: StoreFaults(pageLimit: 60))
        try await store.createRun(.sample("r1"))
        let body = #"{"x":""# + String(repeating: "x", count: 4_000) + #""}"#
        var acknowledged: Int64 = 0
        let error = await #expect(throws: StoreError.self) {
            while acknowledged < 1_000 {
                try await store.append([.sample("r1", acknowledged + 1, body)])
                acknowledged += 1
            }
        }
        #expect(error?.code == .writeFailed(.diskFull))
        #expect(error?.message.contains(place.database) == true)
        await store.close()
        #expect(try await place.open().records(of: "r1").count == Int(acknowledged))
    }

    @Test func `everybody who waits learns that the disk failed`() async throws {
        struct Broken: Error {}
        let place = TemporaryStore()
        let setUp = try place.open()
        for number in 1...50 {
            try await setUp.createRun(.sample("run-\(number)"))
        }
        await setUp.close()
        let store = try place.open(faults: StoreFaults(beforeCommit: { throw Broken() }))
        let codes = await withTaskGroup(of: StoreError.Code?.self) { group in
            for number in 1...50 {
                group.addTask { await AppendTests.code { try await store.append([.sample("run-\(number)", 1)]) } }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.count == 50)
        #expect(codes.allSatisfy { $0 == .writeFailed(.other) })
    }

    @Test func `a foreign writer is noticed rather than overwritten`() async throws {
        let place = TemporaryStore()
        let store = try place.open()
        try await store.createRun(.sample("r1"), first: [.sample("r1", 1)])
        try RawSQLite.execute("UPDATE run SET sequence = 7", at: place.database)
        #expect(
            await AppendTests.code { try await store.append([.sample("r1", 2)]) } == .writeFailed(.heldElsewhere)
        )
    }

    // Goal: whatever was acknowledged before a SIGKILL is there afterwards, without gaps.
    // Method: a child process appends to four runs at once, notes each acknowledgement in a file of its own, and kills
    // itself at a moment that differs from round to round.
    @Test(arguments: [3, 10, 25, 60, 120])
    func `an engine that is killed keeps every record it acknowledged`(milliseconds: Int) async throws {
        let place = TemporaryStore()
        let setUp = try place.open()
        for number in 1...4 {
            try await setUp.createRun(.sample("run-\(number)"))
        }
        await setUp.close()
        let folder = place.folder
        await #expect(processExitsWith: .signal(SIGKILL)) { [folder = folder as String, milliseconds] in
            let store = try RunStore.open(folder: folder, mode: .engine)
            Thread.detachNewThread {
                usleep(UInt32(milliseconds) * 1_000)
                kill(getpid(), SIGKILL)
            }
            await withTaskGroup(of: Void.self) { group in
                for number in 1...4 {
                    group.addTask { await Self.appendForever("run-\(number)", to: store, in: folder) }
                }
            }
        }
        let store = try place.open()
        #expect(store.term == 3)
        for number in 1...4 {
            let run = "run-\(number)"
            let notes = FileManager.default.contents(atPath: "\(folder)/\(run).acknowledged") ?? Data()
            let records = try await store.records(of: run)
            // At most the batch that was under way is there without its note.
            #expect((notes.count * 2...notes.count * 2 + 2).contains(records.count))
        }
    }

    private static func appendForever(_ run: String, to store: RunStore, in folder: String) async {
        let notes = open("\(folder)/\(run).acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        var sequence: Int64 = 0
        while true {
            guard (try? await store.append([.sample(run, sequence + 1), .sample(run, sequence + 2)])) != nil else {
                return
            }
            sequence += 2
            write(notes, ".", 1)
        }
    }
}
