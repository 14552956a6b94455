// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunExecutor
import RunPorts
import RunTestSupport
import RunVocabulary
import Testing

@Suite struct JournalContractTests {
    @Test func `began is durable before its command is heard of on the host`() async throws {
        let life = Life(try PlanFixture.binding(Sample.everything))
        life.hosts.end("change n2", with: [.exited(status: 1)])
        #expect(try await life.run() == .succeeded)
        #expect(life.hosts.complaints.isEmpty)
        #expect(life.journal.complaints.isEmpty)
        #expect(life.hosts.ledger.count == 3 + 4 + 1)
    }

    @Test func `the end of one command and the beginning of the next share one append`() async throws {
        let life = Life(try PlanFixture.binding(Sample.everything))
        _ = try await life.run()
        let shared = life.journal.batches.contains { batch in
            batch.indices.dropLast().contains { index in
                guard case .probed = batch[index], case .began = batch[index + 1] else { return false }
                return true
            }
        }
        let first = try #require(life.journal.batches.first)
        #expect(shared)
        #expect(first.count == 2, "'started' and the first 'began' are one append: \(first)")
    }

    @Test func `effects come in the order in which the machine gave them, after the flush`() async throws {
        let life = Life(try PlanFixture.binding(Sample.everything))
        _ = try await life.run()
        let began = life.journal.events.compactMap { if case .began(let id, _) = $0 { id } else { nil } }
        #expect(Set(life.hosts.ledger.map(\.effect)) == Set(began))
        #expect(life.journal.status?.state == .ended)
        #expect(life.journal.status?.outcome == .succeeded)
    }

    @Test func `the ends of commands beside each other are one append, and what follows comes after it`() async throws {
        let runbook = Sample.oneCommand("effect: changes, batch: { size: 3 }", step: "  - { id: rest, pause: 1s }")
        let life = Life(try PlanFixture.binding(runbook, nodes: 3), companyWindow: .seconds(3_600))
        #expect(try await life.run() == .succeeded)
        let ends = life.journal.batches.map { $0.count { if case .ended = $0 { true } else { false } } }
        #expect(ends.filter { $0 > 0 } == [3], "\(life.journal.batches)")
        #expect(life.hosts.complaints.isEmpty && life.journal.complaints.isEmpty)
    }

    // Goal: whoever looks sees nothing that a crash could take away.
    // Method: the end of one command waits for company that does not come, and it comes to be durable by a look.
    @Test func `a look has what waits for company made durable first`() async throws {
        let life = Life(try PlanFixture.binding(Sample.pair(), nodes: 2), companyWindow: .seconds(3_600))
        life.hosts.hold("change n2")
        async let outcome = life.run()
        await life.hosts.waitForLedger(2)
        while !life.journal.holds({ if case .ended = $0 { true } else { false } }) {
            let machine = try #require(await life.driver.handle.snapshot())
            let isTold = life.journal.holds { if case .ended = $0 { true } else { false } }
            #expect(machine.inFlight.count == 2 || isTold)
        }
        life.hosts.release("change n2")
        #expect(try await outcome == .succeeded)
    }

    // Method: were it held back, nobody would hear of it before the other has ended, which here waits for it.
    @Test(.timeLimit(.minutes(5)))
    func `an end that nobody could tell again waits for no company`() async throws {
        let life = Life(
            try PlanFixture.binding(Sample.pair(", repeat: never"), nodes: 2),
            companyWindow: .seconds(3_600)
        )
        life.hosts.hold("change n2")
        async let outcome = life.run()
        await life.witness.wait { if case .note(.targetEnded(_, "n1", .succeeded, _)) = $0 { true } else { false } }
        #expect(life.journal.events.contains { if case .ended = $0 { true } else { false } })
        life.hosts.release("change n2")
        #expect(try await outcome == .succeeded)
    }

    // Goal: whatever record cannot be written, nothing is done on its account.
    // Method: refuse each record of a run in turn, and look at the ledger.
    @Test func `a journal that cannot be written stops the run, and nothing further is done`() async throws {
        let binding = try PlanFixture.binding(Sample.everything)
        let whole = Life(binding)
        _ = try await whole.run()
        for record in 1...whole.journal.events.count {
            let life = Life(binding, fault: .refuse(record: record))
            await #expect(throws: MemoryJournal.Failure.self) {
                try await life.run()
            }
            #expect(life.journal.complaints.isEmpty, "after a failure at record \(record)")
            #expect(life.hosts.complaints.isEmpty, "after a failure at record \(record)")
            let began = life.journal.events.compactMap { if case .began(let id, _) = $0 { id } else { nil } }
            #expect(Set(life.hosts.ledger.map(\.effect)).isSubset(of: Set(began)))
            #expect(await life.submit { .cancelRequested(by: "me", because: "", at: $0) } == false)
        }
    }

    @Test func `a run that has ended does nothing when it is driven again`() async throws {
        let binding = try PlanFixture.binding(Sample.everything)
        let first = Life(binding)
        _ = try await first.run()
        let second = Life(binding, hosts: first.hosts, history: first.journal.events)
        let before = first.hosts.ledger
        #expect(try await second.run() == .succeeded)
        #expect(second.journal.batches.isEmpty)
        #expect(first.hosts.ledger == before)
    }

    @Test func `a record that history forbids stops the run and is named`() async throws {
        let binding = try PlanFixture.binding(Sample.everything)
        let start = Instant(milliseconds: 1)
        let life = Life(binding, history: [.started(at: start), .resumed(at: start), .started(at: start)])
        let error = await #expect(throws: ReplayError.self) {
            try await life.run()
        }
        #expect(error?.message == "record 3 of run run-1: the run was started twice")
        #expect(life.hosts.ledger.isEmpty)
        #expect(life.journal.batches.isEmpty)
    }
}
