// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunExecutor
import RunPlan
import RunTestSupport
import RunVocabulary
import Testing

/// Ends the engine at every record and goes on with another.
@Suite struct CrashTests {
    enum Kind: CaseIterable, Sendable {
        /// Durable, and nothing of what follows was done.
        case afterRecord
        /// What was not flushed is lost.
        case tornBatch
        /// Everything that followed from the record before was done, and nothing of it written down.
        case beforeRecord

        func fault(_ record: Int) -> MemoryJournal.Fault {
            switch self {
            case .afterRecord: .crashAfter(record: record)
            case .tornBatch: .tear(record: record)
            case .beforeRecord: .refuse(record: record)
            }
        }
    }

    /// What happened on the hosts, without the names of the sendings: a sending that a crash prevented has another name the second time.
    private func deeds(_ hosts: PretendHosts) -> [String] {
        hosts.ledger.map(\.description).sorted()
    }

    private func fresh() -> PretendHosts {
        let hosts = PretendHosts()
        hosts.end("change n2", with: [.exited(status: 1)])
        return hosts
    }

    // Goal: no crash makes an act happen twice, not at all, or be reported otherwise than it was.
    // Method: end the engine at each record in three ways, resume, and compare ledger and outcome with those of the run that nobody disturbed.
    @Test(arguments: Kind.allCases)
    func `every act happens once however the engine ends`(kind: Kind) async throws {
        let binding = try PlanFixture.binding(Sample.everything)
        let whole = Life(binding, hosts: self.fresh())
        let outcome = try await whole.run()
        let deeds = self.deeds(whole.hosts)
        for record in 1...whole.journal.events.count {
            let first = Life(binding, hosts: self.fresh(), fault: kind.fault(record))
            await #expect(throws: MemoryJournal.Failure.self) {
                try await first.run()
            }
            let second = Life(binding, hosts: first.hosts, history: first.journal.events)
            #expect(try await second.run() == outcome, "\(kind) at record \(record)")
            #expect(self.deeds(first.hosts) == deeds, "\(kind) at record \(record)")
            #expect(Set(first.hosts.ledger.map(\.effect)).count == deeds.count, "\(kind) at record \(record)")
            self.expectTruth(second.journal.events, first.hosts)
        }
    }

    // Goal: the same when the engine that resumes is killed too.
    @Test func `every act happens once when two engines end`() async throws {
        let binding = try PlanFixture.binding(Sample.everything)
        let whole = Life(binding, hosts: self.fresh())
        let outcome = try await whole.run()
        let deeds = self.deeds(whole.hosts)
        let count = whole.journal.events.count
        for first in stride(from: 1, through: count, by: 2) {
            for distance in stride(from: 1, through: count, by: 3) {
                let one = Life(binding, hosts: self.fresh(), fault: .crashAfter(record: first))
                _ = try? await one.run()
                let history = one.journal.events
                let kind: MemoryJournal.Fault =
                    distance % 2 == 0
                    ? .crashAfter(record: history.count + distance) : .refuse(record: history.count + distance)
                let two = Life(binding, hosts: one.hosts, history: history, fault: kind)
                _ = try? await two.run()
                let three = Life(binding, hosts: one.hosts, history: two.journal.events)
                #expect(try await three.run() == outcome, "\(first), \(distance)")
                #expect(self.deeds(one.hosts) == deeds, "\(first), \(distance)")
                self.expectTruth(three.journal.events, one.hosts)
            }
        }
    }

    /// What the journal calls done is in the ledger, and the other way round.
    private func expectTruth(
        _ events: [RunEvent],
        _ hosts: PretendHosts,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var done: Set<EffectID> = []
        for case .ended(let effect, let report, _) in events {
            if case .exited = report.ending {
                done.insert(effect)
            }
        }
        #expect(done == Set(hosts.ledger.map(\.effect)), sourceLocation: sourceLocation)
    }

    @Test func `a command that never left is sent anew and costs no retry`() async throws {
        let text = Sample.oneCommand()
        let binding = try PlanFixture.binding(text, nodes: 1)
        let first = Life(binding, fault: .crashAfter(record: 2))
        _ = try? await first.run()
        #expect(first.hosts.ledger.isEmpty)
        let second = Life(binding, hosts: first.hosts, history: first.journal.events)
        #expect(try await second.run() == .succeeded)
        #expect(first.hosts.ledger.count == 1)
        #expect(first.hosts.inquiries.count == 1)
    }

    @Test func `a command that still runs is waited for, and not sent again`() async throws {
        let binding = try PlanFixture.binding(Sample.oneCommand(), nodes: 1)
        let first = Life(binding, fault: .refuse(record: 3))
        first.hosts.hold("act")
        let running = Task { try await first.run() }
        await first.hosts.waitForLedger(1)
        first.hosts.release("act")
        _ = try? await running.value
        let second = Life(binding, hosts: first.hosts, history: first.journal.events)
        #expect(try await second.run() == .succeeded)
        #expect(first.hosts.ledger.count == 1)
    }
}
