// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunJournal
import Testing

@Suite struct ListingTests {
    private static func filled() async throws -> (TemporaryStore, RunStore) {
        let place = TemporaryStore()
        let store = try place.open()
        for (id, outcome) in [("ab1", nil), ("ab2", "succeeded"), ("cd3", nil), ("ab", "failed")] {
            try await store.createRun(.sample(id, outcome: outcome))
        }
        return (place, store)
    }

    @Test func `a run comes back as it was created`() async throws {
        let (_, store) = try await Self.filled()
        #expect(try await store.run("ab1") == .sample("ab1"))
    }

    @Test func `listings filter and order`() async throws {
        let (_, store) = try await Self.filled()
        #expect(try await store.runs(.unfinished).map(\.id) == ["ab1", "cd3"])
        #expect(try await store.runs(.latest(2)).map(\.id) == ["ab", "cd3"])
        #expect(try await store.runs(.latest(0)).isEmpty)
        #expect(try await store.runs(.identifierPrefix("ab")).map(\.id) == ["ab", "ab2", "ab1"])
    }

    @Test func `a run is found by the start of its name if only one starts so`() async throws {
        let (_, store) = try await Self.filled()
        #expect(try await store.findRun("c").id == "cd3")
        #expect(try await store.findRun("ab2").id == "ab2")
        #expect(try await store.findRun("ab").id == "ab")
        #expect(await AppendTests.code { _ = try await store.findRun("x") } == .unknownRun("x"))
        #expect(await AppendTests.code { _ = try await store.findRun("") } == .unknownRun(""))
        let several = await #expect(throws: StoreError.self) { try await store.findRun("a") }
        #expect(several?.code == .ambiguousRun(prefix: "a"))
        #expect(several?.message == "'a' is the start of 3 runs: ab, ab2, ab1; write more of it")
    }

    @Test func `settings outlive the engine`() async throws {
        let (place, store) = try await Self.filled()
        #expect(try await store.setting("freeze") == nil)
        try await store.setSetting("freeze", to: "on")
        try await store.setSetting("freeze", to: "off")
        await store.close()
        #expect(try await place.open(.readOnly).setting("freeze") == "off")
    }
}
