// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Probes
import Testing

@testable import ProbeZooKeeper

extension String {
    var bytes: [UInt8] { Array(self.utf8) }
}

func reply(_ outcome: SocketReply.Outcome, _ text: String = "") -> SocketReply {
    SocketReply(outcome: outcome, bytes: text.bytes, totalDuration: .milliseconds(1))
}

enum Captured {
    static let srvrLeader = """
        Zookeeper version: 3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC
        Latency min/avg/max: 0/1.25/7
        Received: 12
        Sent: 11
        Connections: 3
        Outstanding: 0
        Zxid: 0x100000002
        Mode: leader
        Node count: 5
        Proposal sizes last/min/max: 91/48/91

        """
    static let srvrReadOnly = """
        Zookeeper version: 3.8.0-abc, built on 2024-12-29 17:54 UTC
        READ-ONLY mode; serving only read-only clients
        Latency min/avg/max: 0/0.0/0
        Received: 1
        Sent: 0
        Connections: 1
        Outstanding: 0
        Zxid: 0x100000002
        Mode: read-only
        Node count: 5

        """
    static let srvrOld = """
        Zookeeper version: 3.4.14-4c25d480e66aadd371de8bd2fd8da255ac140bcf, built on 03/06/2019 16:18 GMT
        Latency min/avg/max: 0/3/5
        Received: 1
        Sent: 0
        Connections: 1
        Outstanding: 0
        Zxid: 0x0
        Mode: standalone
        Node count: 4

        """
    static let mntrLeader = """
        zk_version\t3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC
        zk_server_state\tleader
        zk_peer_state\tleading - broadcast
        zk_avg_latency\t0.5833
        zk_znode_count\t7
        zk_outstanding_requests\t1
        zk_quorum_size\t5
        zk_learners\t3
        zk_synced_followers\t3
        zk_avg_fsynctime\tNaN

        """
    static let mntrOld = """
        zk_version\t3.4.14-4c25d48, built on 03/06/2019 16:18 GMT
        zk_avg_latency\t0
        zk_server_state\tleader
        zk_znode_count\t4
        zk_followers\t2
        zk_synced_followers\t2
        zk_pending_syncs\t0

        """
    static let conf = """
        clientPort=2181
        secureClientPort=-1
        dataDir=/var/lib/zookeeper/version-2
        dataDirSize=597
        dataLogDir=/var/log/zk/version-2
        dataLogSize=597
        tickTime=500
        maxClientCnxns=0
        minSessionTimeout=1000
        maxSessionTimeout=10000
        clientPortListenBacklog=-1
        serverId=1
        initLimit=10
        syncLimit=4
        electionAlg=3
        electionPort=3888
        quorumPort=2888
        peerType=0
        membership:\u{20}
        server.2=[fd00::2]:2888:3888:participant;[::]:2181
        server.1=zk1.example:2888:3888:participant|10.0.0.1:2888:3888
        server.10=zk10:2888:3888:observer;0.0.0.0:2181
        version=0
        """
    static let notServing = "This ZooKeeper instance is not currently serving requests\n"
    static let notPermitted = "mntr is not executed because it is not in the whitelist.\n"
}

@Suite struct FourLetterWordTests {
    @Test func `only words that read can be said`() {
        #expect(FourLetterWord.allCases.map(\.rawValue).sorted() == ["conf", "isro", "mntr", "ruok", "srvr"])
        let exchange = FourLetterWord.srvr.exchange(with: "10.0.0.1", port: 2_181, timeout: .seconds(2))
        #expect(exchange.send == "srvr".bytes)
        #expect(exchange.until == .end)
    }

    @Test func `what a socket brought is told apart`() {
        let cases: [(SocketReply, FourLetterAnswer)] = [
            (reply(.completed, "imok"), .text("imok")),
            (reply(.completed, Captured.notServing), .notServing),
            (reply(.completed, Captured.notPermitted), .notPermitted),
            (reply(.completed), .empty),
            (reply(.refused), .refused),
            (reply(.completed, "\u{1}\u{2}"), .garbage("2 bytes that are not text")),
            (reply(.timedOut(phase: .connect)), .unknown(.timedOut(phase: .connect))),
            // Half an answer is none, even if it would read well.
            (reply(.timedOut(phase: .reply), Captured.srvrLeader), .unknown(.timedOut(phase: .reply))),
            (reply(.reset, "imok"), .unknown(.reset)),
            // Seen of a server that is starting: the whole sentence, and no end.
            (reply(.timedOut(phase: .reply), Captured.notServing), .notServing),
            (
                reply(.timedOut(phase: .reply), String(Captured.notServing.dropLast())),
                .unknown(.timedOut(phase: .reply))
            ),
            (reply(.tooLong, "x"), .unknown(.tooLong)),
            (reply(.cancelled), .unknown(.cancelled)),
            (reply(.notTried("x")), .unknown(.notTried("x"))),
        ]
        for (reply, answer) in cases { #expect(FourLetterAnswer(reply) == answer) }
        let notUTF8 = SocketReply(outcome: .completed, bytes: [0x61, 0xC3, 0x28], totalDuration: .zero)
        #expect(FourLetterAnswer(notUTF8) == .garbage("3 bytes that are not text"))
    }

    @Test func `srvr of a leader is read, odd version included`() throws {
        let summary = try ServerSummary(parsing: Captured.srvrLeader)
        #expect(summary.version == "3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC")
        #expect(summary.mode == .leader)
        #expect(summary.zxid == Zxid(epoch: 1, counter: 2))
        #expect(summary.nodeCount == 5)
        #expect(summary.connections == 3)
        #expect(summary.outstanding == 0)
        #expect(summary.averageLatencyMilliseconds == 1.25)
    }

    @Test func `srvr of a read-only and of an old server is read`() throws {
        let readOnly = try ServerSummary(parsing: Captured.srvrReadOnly)
        #expect(readOnly.mode == .readOnly)
        #expect(readOnly.mode.isServing == false)
        let old = try ServerSummary(parsing: Captured.srvrOld)
        #expect(old.mode == .standalone)
        #expect(old.averageLatencyMilliseconds == 3)
    }

    @Test func `a mode from the future is neither serving nor not`() throws {
        let text = Captured.srvrLeader.replacing("leader", with: "witness")
        let mode = try ServerSummary(parsing: text).mode
        #expect(mode == .unknown("witness"))
        #expect(mode.isServing == nil)
        #expect(mode.name == "witness")
    }

    @Test(arguments: ["Zookeeper version", "Zxid", "Mode"])
    func `srvr without an essential line is refused`(key: String) {
        let lines = Captured.srvrLeader.split(separator: "\n").filter { !$0.hasPrefix(key) }
        #expect(throws: UnreadableAnswer.self) { try ServerSummary(parsing: lines.joined(separator: "\n")) }
    }

    @Test func `mntr is read in both spellings`() throws {
        let new = try ServerMonitor(parsing: Captured.mntrLeader)
        #expect(new.mode == .leader)
        #expect(new.isBroadcasting == true)
        #expect(new.quorumSize == 5)
        #expect(new.syncedFollowers == 3)
        #expect(new.learners == 3)
        #expect(new.quorumMargin == 1)
        #expect(new.averageLatencyMilliseconds == 0.5833)
        #expect(new.number("zk_avg_fsynctime") == nil)
        #expect(new["zk_absent"] == nil)
        #expect(new.entries.count == 10)
        let old = try ServerMonitor(parsing: Captured.mntrOld)
        #expect(old.learners == 2)
        #expect(old.isBroadcasting == nil)
        #expect(old.quorumSize == nil)
        #expect(old.quorumMargin == nil)
    }

    @Test(arguments: ["", "imok", "zk_version\t3.8.0\n", Captured.srvrLeader])
    func `a text that is not mntr is refused`(text: String) {
        #expect(throws: UnreadableAnswer.self) { try ServerMonitor(parsing: text) }
    }

    @Test func `conf names the members, voters apart from observers`() throws {
        let configuration = try ServerConfiguration(parsing: Captured.conf)
        #expect(configuration.clientPort == 2_181)
        #expect(configuration.dataDirectory == "/var/lib/zookeeper/version-2")
        #expect(configuration.logDirectory == "/var/log/zk/version-2")
        #expect(configuration.tickTimeMilliseconds == 500)
        #expect(configuration.initLimit == 10)
        #expect(configuration.syncLimit == 4)
        #expect(configuration.serverID == 1)
        #expect(
            configuration.members == [
                .init(id: 1, host: "zk1.example", isVoter: true),
                .init(id: 2, host: "fd00::2", isVoter: true),
                .init(id: 10, host: "zk10", isVoter: false),
            ]
        )
        #expect(configuration.voterCount == 2)
    }

    @Test(arguments: ["", "imok", "clientPort=2181\nserver.x=a:1:2", "clientPort=2181\nserver.1=:1:2"])
    func `conf that could hide a member is refused`(text: String) {
        #expect(throws: UnreadableAnswer.self) { try ServerConfiguration(parsing: text) }
    }

    @Test func `isro and ruok are read, and nothing else passes for them`() throws {
        #expect(try WriteReadiness(parsing: "rw") == .readWrite)
        #expect(try WriteReadiness(parsing: "ro\n") == .readOnly)
        #expect(try WriteReadiness(parsing: "null") == .none)
        #expect(throws: UnreadableAnswer.self) { try WriteReadiness(parsing: "imok") }
        _ = try LivenessAnswer(parsing: "imok")
        #expect(throws: UnreadableAnswer.self) { try LivenessAnswer(parsing: "imnotok") }
    }

    @Test func `a zxid is an epoch and a counter`() {
        #expect(Zxid(hexadecimal: "0x100000002") == Zxid(4_294_967_298))
        #expect(Zxid(hexadecimal: "100000002")?.epoch == 1)
        #expect(Zxid(hexadecimal: "0x100000002")?.counter == 2)
        #expect(Zxid(hexadecimal: "0xffffffffffffffff") == Zxid(-1))
        #expect(Zxid(epoch: 3, counter: 7).description == "0x300000007")
        #expect(Zxid(epoch: 1, counter: 9) < Zxid(epoch: 2, counter: 0))
        for text in ["", "0x", "-1", "+1", "0x1g", "10000000000000000"] { #expect(Zxid(hexadecimal: text) == nil) }
    }
}
