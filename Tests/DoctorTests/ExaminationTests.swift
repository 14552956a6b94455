// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Doctor
import RunVocabulary
import Testing

@Suite struct ExaminationTests {
    private func store(_ state: StoreFacts.State, engine: Int32? = nil, free: Int64? = 1 << 40) -> StoreFinding {
        StoreFinding(StoreFacts(folder: "/var/lib/selfheal", state: state, engine: engine, freeBytes: free))
    }

    @Test func `a store that will be made is no problem, and one that cannot be made is`() {
        #expect(self.store(.missing(nearest: "/var/lib", isWritable: true)).findings.map(\.grade) == [.note])
        let locked = self.store(.missing(nearest: "/var/lib", isWritable: false))
        #expect(locked.findings.map(\.grade) == [.wrong])
        #expect(locked.findings[0].says.contains("/var/lib is no folder"))
    }

    @Test func `a run that nobody drives is a problem, and one that an engine drives is not`() {
        let state = StoreFacts.State.there(schema: 1, runs: 4, unfinished: 1)
        #expect(self.store(state).findings.map(\.grade) == [.wrong])
        let driven = self.store(state, engine: 4_711)
        #expect(driven.findings.isEmpty)
        #expect(driven.summary == "schema 1, 4 runs, 1 not ended, engine: process 4711, 1024 GiB free")
    }

    @Test func `what an ended run left in doubt is a problem until it is settled, and a freeze is mentioned`() {
        let doubtful = self.store(.there(schema: 1, runs: 4, unfinished: 0, inDoubt: 2))
        #expect(doubtful.findings.map(\.grade) == [.wrong])
        #expect(doubtful.findings.first?.says == "2 runs have ended and left something in doubt")
        #expect(doubtful.summary.hasPrefix("schema 1, 4 runs, 2 in doubt, "))
        var facts = self.store(.there(schema: 1, runs: 4, unfinished: 0)).facts
        facts.freeze = "frozen by ada since noon: change 1234"
        #expect(StoreFinding(facts).findings.map(\.grade) == [.note])
    }

    @Test func `a store that is refused says why and what to do`() {
        let finding = self.store(.refused("others may write in /var/lib/selfheal; run: chmod 700 '/var/lib/selfheal'"))
        #expect(finding.findings[0].says == "others may write in /var/lib/selfheal")
        #expect(finding.findings[0].cure == "run: chmod 700 '/var/lib/selfheal'")
    }

    @Test func `a disk that is nearly full is a problem`() {
        let state = StoreFacts.State.there(schema: 1, runs: 0, unfinished: 0)
        #expect(self.store(state, free: 1 << 20).findings.map(\.grade) == [.wrong])
        #expect(self.store(state, free: nil).findings.map(\.grade) == [.unknown])
    }

    @Test func `a channel without its variable is a problem with its name`() {
        let channel = ChannelFacts(name: "pager", kind: "webhook", missing: ["PAGER_URL"])
        #expect(channel.finding.grade == .wrong && channel.finding.says.contains("'PAGER_URL'"))
        #expect(ChannelFacts(name: "pager", kind: "webhook").finding.grade == .fine)
    }

    @Test func `only what is wrong counts as a problem`() {
        let examination = Examination(
            libraries: [],
            hosts: [HostFinding(HostFacts(node: "zk1", visit: .noAccess))],
            store: self.store(.missing(nearest: "/var/lib", isWritable: true)),
            channels: [ChannelFacts(name: "pager", kind: "webhook", missing: ["PAGER_URL"])]
        )
        #expect(examination.findings.count == 3)
        #expect(examination.problems.map(\.subject) == ["pager"])
        let json = examination.json(version: "1")
        #expect(json["problems"]?.intValue == 1)
        #expect(json["channels"]?[0]?["missing_variables"]?[0]?.stringValue == "PAGER_URL")
        #expect(json["hosts"]?[0]?["checks"]?["tcp"]?.isNull == true)
    }
}
