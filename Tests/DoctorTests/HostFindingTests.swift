// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Doctor
import RunVocabulary
import Testing

@Suite struct HostFindingTests {
    private func finding(_ change: (inout HostAnswer) -> Void = { _ in }) -> HostFinding {
        var answer = HostAnswer(
            shell: "/bin/bash",
            folder: "/root/.selfheal/effects",
            nearest: "/root",
            isWritable: true,
            freeKibibytes: 20 << 20,
            secondsAhead: 0.3,
            secondsUnsure: 0.6,
            took: Milliseconds(40)
        )
        change(&answer)
        return HostFinding(HostFacts(node: "zk1", visit: .answered(answer)))
    }

    @Test func `a host as it should be has nothing to say`() {
        let host = self.finding()
        #expect(host.grade == .fine && host.findings.isEmpty)
        #expect(
            HostCheck.allCases.map { host.marks[$0]?.word } == [
                "ok", "ok", "ok", "ok", "bash", "ok", "to come", "20 GiB", "ok",
            ]
        )
    }

    @Test func `of what was not looked at nothing is said`() {
        let message = "the key file 'id' for zk1 (10.0.0.1:22) cannot be opened: No such file; name the right one"
        let host = HostFinding(HostFacts(node: "zk1", visit: .stopped(at: .login, passed: [.name], says: message)))
        #expect(HostCheck.allCases.prefix(4).map { host.marks[$0]?.word } == ["ok", nil, nil, "NO"])
        #expect(host.findings.map(\.cure) == ["name the right one"])
    }

    @Test func `what comes before the place where it stopped is fine, and of the rest nothing is said`() {
        let message = "zk1 (10.0.0.1:22) presented another host key; compare with its console"
        let host = HostFinding(
            HostFacts(node: "zk1", visit: .stopped(at: .key, passed: HostCheck.key.earlier, says: message))
        )
        #expect(host.marks[.name]?.word == "ok" && host.marks[.tcp]?.word == "ok")
        #expect(host.marks[.key]?.grade == .wrong)
        #expect(host.marks[.login] == nil && host.marks[.clock] == nil)
        #expect(
            host.findings == [
                Finding("zk1", .wrong, "zk1 (10.0.0.1:22) presented another host key", cure: "compare with its console")
            ]
        )
    }

    @Test func `an odd shell stops there, and a host without setsid one later`() {
        let shell = self.finding {
            $0.refusal = HostRefusal(.shell, "the login shell '/usr/bin/fish' is no POSIX shell; give it sh")
        }
        #expect(shell.marks[.shell]?.grade == .wrong && shell.marks[.needs] == nil && shell.grade == .wrong)
        let setsid = self.finding {
            $0.refusal = HostRefusal(.needs, "the host cannot keep receipts: setsid is not installed")
        }
        #expect(setsid.marks[.shell]?.word == "bash" && setsid.marks[.needs]?.grade == .wrong)
        #expect(setsid.marks[.receipts] == nil)
    }

    @Test func `a folder that cannot be written or made is wrong, with its place`() throws {
        let host = self.finding { $0.isWritable = false }
        #expect(host.marks[.receipts]?.grade == .wrong)
        #expect(try #require(host.findings.first).says.contains("/root is no folder"))
    }

    @Test func `little room is wrong, and room that is not known is said to be unknown`() {
        #expect(self.finding { $0.freeKibibytes = 1_024 }.grade == .wrong)
        #expect(self.finding { $0.freeKibibytes = nil }.grade == .unknown)
        #expect(self.finding { $0.freeKibibytes = HostLimits.leastFreeKibibytes }.grade == .fine)
    }

    @Test(arguments: [3_600.0, -3_600.0, 11.0]) func `a clock that is surely off is wrong`(seconds: Double) {
        #expect(self.finding { $0.secondsAhead = seconds }.marks[.clock]?.grade == .wrong)
    }

    @Test func `a clock is not blamed for a slow answer`() {
        let host = self.finding {
            $0.secondsAhead = 12
            $0.secondsUnsure = 5
        }
        #expect(host.grade == .fine)
        #expect(self.finding { $0.secondsAhead = nil }.grade == .unknown)
    }

    @Test func `a node that is only looked at is no problem`() {
        #expect(HostFinding(HostFacts(node: "x", visit: .noAccess)).grade == .note)
        let late = HostFinding(HostFacts(node: "x", visit: .notAsked(.seconds(60))))
        #expect(late.grade == .unknown && late.findings.first?.says == "not asked: 1m were over")
    }

    @Test func `bytes are told as a table needs them`() {
        #expect(ByteCount.text(0) == "0 B")
        #expect(ByteCount.text(9_000) == "9000 B")
        #expect(ByteCount.text(64 << 20) == "64 MiB")
        #expect(ByteCount.text(3 << 40) == "3072 GiB")
    }
}
