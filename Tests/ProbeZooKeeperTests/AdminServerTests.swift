// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Probes
import RunVocabulary
import Testing

@testable import ProbeZooKeeper

@Suite struct AdminServerTests {
    static let zabState = """
        { "myid" : 1, "is_leader" : false, "quorum_address" : { "all_addresses" : [ "127.0.0.1:26811" ] },
          "client_address" : "127.0.0.1:25811", "voting" : true, "last_zxid" : "0x300000005", "zab_epoch" : 3,
          "zab_counter" : 5, "zabstate" : "broadcast", "command" : "zabstate", "error" : null }
        """
    static let zabStateWithoutQuorum = """
        { "voting" : false, "zabstate" : "", "command" : "zabstate", "error" : null }
        """
    static let statistics = """
        { "version" : "3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC", "read_only" : false,
          "server_stats" : { "server_state" : "follower", "avg_latency" : 0.5, "last_processed_zxid" : 4294967298 },
          "node_count" : 5, "command" : "server_stats", "error" : null }
        """

    private func answer(status: String = "200 OK", type: String = "application/json", _ body: String) -> AdminAnswer {
        let text = "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\n\r\n\(body)"
        return AdminAnswer(HTTPProbe.answer(from: reply(.completed, text)))
    }

    private func object(_ body: String) throws -> JSON {
        guard case .object(let json) = self.answer(body) else { throw UnreadableAnswer("not an object") }
        return json
    }

    @Test func `zabstate is read, with and without a quorum`() throws {
        let state = try ZabState(try self.object(Self.zabState))
        #expect(state.isBroadcasting)
        #expect(state.lastZxid == Zxid(epoch: 3, counter: 5))
        #expect(state.epoch == 3)
        #expect(state.myID == 1)
        #expect(state.isVoting)
        let alone = try ZabState(try self.object(Self.zabStateWithoutQuorum))
        #expect(!alone.isBroadcasting)
        #expect(alone.lastZxid == nil)
    }

    @Test func `statistics are read, with their decimal zxid`() throws {
        let statistics = try AdminStatistics(try self.object(Self.statistics))
        #expect(statistics.mode == .follower)
        #expect(statistics.zxid == Zxid(epoch: 1, counter: 2))
        #expect(statistics.nodeCount == 5)
        #expect(statistics.averageLatencyMilliseconds == 0.5)
    }

    @Test func `voters are counted without observers`() throws {
        let json = try self.object(
            """
            {"current_config":{"2":{"learner_type":"PARTICIPANT"},"10":{"learner_type":"OBSERVER"},
             "1":{"learner_type":"PARTICIPANT"}},"command":"voting_view","error":null}
            """
        )
        #expect(try VotingView(json).voterIDs == [1, 2])
        #expect(throws: UnreadableAnswer.self) {
            try VotingView(try self.object(#"{"current_config":{"x":{}},"command":"voting_view"}"#))
        }
    }

    @Test func `an error counts although the status is 200`() {
        #expect(
            self.answer(
                #"{"command":"srvr","error":"This ZooKeeper instance is not currently serving requests"}"#
            ) == .notServing
        )
        #expect(
            self.answer(#"{"command":"nope","error":"Unknown command: nope"}"#)
                == .commandFailed("Unknown command: nope")
        )
    }

    @Test func `Jetty's page for a null pointer means not serving, any other status means nothing`() {
        let page = "<html><head><title>Error 500 java.lang.NullPointerException</title></head></html>"
        #expect(self.answer(status: "500 Server Error", type: "text/html;charset=iso-8859-1", page) == .notServing)
        #expect(self.answer(status: "500 Server Error", type: "application/json", "{}") == .garbage("HTTP status 500"))
        #expect(self.answer(status: "404 Not Found", type: "text/html", page) == .garbage("HTTP status 404"))
    }

    @Test(arguments: ["", "{", "[]", "{}", #"{"zabstate":"broadcast"}"#, "<html></html>"])
    func `a body that is not an AdminServer's is garbage`(body: String) {
        guard case .garbage = self.answer(body) else {
            Issue.record("taken: \(body)")
            return
        }
    }

    @Test func `a refused or silent AdminServer is told apart from an answer`() {
        #expect(AdminAnswer(.failed(.refused)) == .refused)
        #expect(AdminAnswer(.failed(.timedOut(phase: .reply))) == .unknown(.timedOut(phase: .reply)))
        #expect(AdminAnswer(.malformed("x")) == .garbage("x"))
    }

    @Test(arguments: [#"{"command":"zabstate"}"#, #"{"command":"zabstate","zabstate":1,"voting":true}"#])
    func `zabstate without its essentials is refused`(body: String) {
        #expect(throws: UnreadableAnswer.self) { try ZabState(try self.object(body)) }
        #expect(throws: UnreadableAnswer.self) { try AdminStatistics(try self.object(body)) }
    }
}
