// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Probes
import RunVocabulary
import Testing

@testable import ProbeZooKeeper

@Suite struct ZooKeeperReportTests {
    private func word(_ outcome: SocketReply.Outcome, _ text: String = "") -> FourLetterAnswer {
        FourLetterAnswer(reply(outcome, text))
    }

    private func report(
        srvr: FourLetterAnswer? = nil,
        mntr: FourLetterAnswer? = nil,
        zabState: AdminAnswer? = nil,
        disk: ZooKeeperDiskState? = nil,
        clusterID: ZooKeeperAnswers.ClusterID? = nil
    ) -> ZooKeeperReport {
        ZooKeeperReport(
            merging: ZooKeeperAnswers(srvr: srvr, mntr: mntr, zabState: zabState, disk: disk, clusterID: clusterID)
        )
    }

    private func session(_ reason: ZooKeeperSessionError.Reason) -> ZooKeeperAnswers.ClusterID {
        .failed(ZooKeeperSessionError(reason: reason, peer: "10.0.0.1:2181", action: "open a session"))
    }

    private var leader: FourLetterAnswer { self.word(.completed, Captured.srvrLeader) }
    private var notServing: FourLetterAnswer { self.word(.completed, Captured.notServing) }
    private var silent: FourLetterAnswer { self.word(.timedOut(phase: .reply)) }

    @Test func `every state of a member as each word shows it`() {
        let table: [(FourLetterAnswer, answered: Bool?, serving: Bool?, hasProblem: Bool)] = [
            (self.leader, true, true, false),
            (self.notServing, true, false, false),
            (self.word(.completed, Captured.srvrReadOnly), true, false, false),
            (self.word(.completed, Captured.srvrLeader.replacing("leader", with: "witness")), true, nil, false),
            (self.word(.refused), false, false, false),
            (self.word(.completed, Captured.notPermitted), true, nil, true),
            (self.silent, nil, nil, true),
            (self.word(.timedOut(phase: .connect)), nil, nil, true),
            (self.word(.unreachable("No route to host")), nil, nil, true),
            (self.word(.reset), nil, nil, true),
            (self.word(.nameNotFound), nil, nil, true),
            (self.word(.cancelled), nil, nil, true),
            (self.word(.notTried("full")), nil, nil, true),
            (self.word(.completed), nil, nil, true),
            (self.word(.completed, "imok"), nil, nil, true),
            (self.word(.completed, "SSH-2.0-OpenSSH_9.2p1\r\n"), nil, nil, true),
            (self.word(.completed, "\u{0}\u{1}"), nil, nil, true),
        ]
        for (answer, answered, serving, hasProblem) in table {
            let report = self.report(srvr: answer)
            #expect(report.answered == answered, "\(answer)")
            #expect(report.serving == serving, "\(answer)")
            #expect((report.problem != nil) == hasProblem, "\(answer): \(report.problems)")
        }
    }

    @Test func `mntr serves only once the member broadcasts`() {
        let leader = self.report(mntr: .text(Captured.mntrLeader))
        #expect(leader.serving == true)
        #expect(leader.mode == .leader)
        #expect(leader.syncedFollowers == 3)
        #expect(leader.quorumSize == 5)
        #expect(leader.nodeCount == 7)
        #expect(leader.averageLatencyMilliseconds == 0.5833)
        let syncing = Captured.mntrLeader.replacing("leading - broadcast", with: "following - synchronization")
        #expect(self.report(mntr: .text(syncing)).serving == false)
        #expect(self.report(mntr: .text(Captured.mntrOld)).serving == true)
    }

    @Test func `a word that is not permitted leaves the other's answer standing`() {
        let report = self.report(srvr: self.leader, mntr: .notPermitted)
        #expect(report.answered == true)
        #expect(report.serving == true)
        #expect(report.problem == "mntr is not permitted; add it to 4lw.commands.whitelist")
    }

    @Test func `one silent question does not undo a plain answer to another`() {
        #expect(self.report(srvr: self.leader, mntr: self.silent).serving == true)
        let report = self.report(srvr: self.notServing, mntr: self.silent)
        #expect(report.answered == true)
        #expect(report.serving == false)
    }

    @Test func `a port that refuses one and swallows another proves nothing`() {
        let report = self.report(srvr: .refused, mntr: self.silent)
        #expect(report.answered == nil)
        #expect(report.serving == nil)
        #expect(report.problem != nil)
    }

    @Test func `answers that disagree leave it open`() {
        let report = self.report(srvr: self.leader, mntr: .notServing)
        #expect(report.answered == true)
        #expect(report.serving == nil)
        #expect(report.problems == ["the answers disagree on whether the member serves; it is changing state"])
    }

    @Test func `a switched-off AdminServer is no evidence in either direction`() {
        for admin in [AdminAnswer.refused, .unknown(.timedOut(phase: .connect)), .garbage("HTTP status 404")] {
            #expect(self.report(zabState: admin).answered == nil)
            #expect(self.report(zabState: admin).serving == nil)
            #expect(self.report(srvr: self.leader, zabState: admin).serving == true)
            #expect(self.report(srvr: .refused, zabState: admin).answered == false)
            #expect(self.report(srvr: .refused, zabState: admin).serving == false)
            #expect(self.report(srvr: self.silent, zabState: admin).serving == nil)
        }
    }

    @Test func `zabstate speaks for a member whose client port is silent`() throws {
        let broadcasting = AdminAnswer.object(try JSON(parsing: AdminServerTests.zabState))
        let alone = AdminAnswer.object(try JSON(parsing: AdminServerTests.zabStateWithoutQuorum))
        let serving = self.report(srvr: .notPermitted, zabState: broadcasting)
        #expect(serving.serving == true)
        #expect(serving.zxid == Zxid(epoch: 3, counter: 5))
        #expect(serving.epoch == 3)
        #expect(self.report(srvr: self.silent, zabState: alone).serving == false)
        #expect(self.report(srvr: self.silent, zabState: alone).answered == true)
        #expect(self.report(srvr: .refused, zabState: alone).answered == true)
        #expect(self.report(srvr: .refused, zabState: alone).serving == false)
        #expect(self.report(srvr: .refused, zabState: broadcasting).serving == nil)
        #expect(self.report(zabState: .notServing).serving == false)
        #expect(self.report(zabState: .commandFailed("x")).answered == true)
        #expect(self.report(zabState: .commandFailed("x")).serving == nil)
    }

    @Test func `a session proves that a member serves; being turned away proves nothing alone`() {
        let found = self.report(clusterID: .found("abc"))
        #expect(found.clusterID == "abc")
        #expect(found.serving == true)
        #expect(self.report(clusterID: .absent).serving == true)
        #expect(self.report(clusterID: .absent).clusterID == nil)
        #expect(self.report(clusterID: self.session(.connection(.refused))).answered == false)
        #expect(self.report(clusterID: self.session(.readOnlyServer)).serving == false)
        for reason: ZooKeeperSessionError.Reason in [
            .turnedAway, .connection(.timedOut(phase: .reply)), .sessionExpired, .refused(.noAuthorization),
            .malformedReply("x"),
        ] {
            let report = self.report(clusterID: self.session(reason))
            #expect(report.answered == nil)
            #expect(report.serving == nil)
            #expect(report.problem != nil)
        }
        #expect(self.report(srvr: self.notServing, clusterID: self.session(.turnedAway)).serving == false)
    }

    @Test func `nothing asked is nothing known`() {
        let report = self.report()
        #expect(report.answered == nil)
        #expect(report.serving == nil)
        #expect(report.data == .unknown)
        #expect(report.zxid == nil)
        #expect(report.problem == nil)
    }

    @Test func `the disk speaks for the data, and for the zxid of a member that is down`() {
        var disk = ZooKeeperDiskState.unknown("no route to host")
        #expect(self.report(srvr: .refused, disk: disk).data == .unknown)
        #expect(self.report(srvr: .refused, disk: disk).problem == "disk: no route to host")

        disk.verdict = .lost
        #expect(self.report(disk: disk).data == .lost)

        disk.verdict = .damaged("acceptedEpoch 1 is lower than currentEpoch 2")
        #expect(self.report(disk: disk).data == .damaged)
        #expect(self.report(disk: disk).problem != nil)

        disk.verdict = .intact
        disk.currentEpoch = 2
        disk.lastZxid = .atLeast(Zxid(epoch: 1, counter: 9))
        let down = self.report(srvr: .refused, disk: disk)
        #expect(down.data == .intact)
        #expect(down.zxid == Zxid(epoch: 1, counter: 9))
        #expect(down.isZxidLowerBound)
        #expect(down.epoch == 2)
        #expect(down.problem == nil)

        let running = self.report(srvr: self.leader, disk: disk)
        #expect(running.zxid == Zxid(epoch: 1, counter: 2))
        #expect(!running.isZxidLowerBound)
        #expect(running.epoch == 2)
    }
}
