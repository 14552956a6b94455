// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import Probes
package import RunVocabulary

/// The commands of ZooKeeper's AdminServer that read.
package enum AdminCommand: String, CaseIterable, Hashable, Sendable {
    case zabState = "zabstate"
    case serverStatistics = "server_stats"
    case votingView = "voting_view"

    private static let readLimit = 1 << 20

    package func probe(address: String, port: UInt16, timeout: Duration) -> HTTPProbe {
        HTTPProbe(
            address: address,
            port: port,
            path: "/commands/\(self.rawValue)",
            readLimit: Self.readLimit,
            timeout: timeout
        )
    }
}

/// What the AdminServer brought back.
///
/// A refused port is not a server that is down: the AdminServer can be switched off, and is by default from 3.10 on.
package enum AdminAnswer: Hashable, Sendable {
    case object(JSON)
    case notServing
    /// The command failed; the text is the server's.
    case commandFailed(String)
    case refused
    case garbage(String)
    /// Nothing is known about the target; see ``SocketReply/Outcome``.
    case unknown(SocketReply.Outcome)

    package init(_ answer: HTTPProbe.Answer) {
        switch answer {
        case .answered(let response): self.init(response)
        case .malformed(let reason): self = .garbage(reason)
        case .failed(.refused): self = .refused
        case .failed(let outcome): self = .unknown(outcome)
        }
    }

    private init(_ response: HTTPResponse) {
        switch response.status {
        case 200: self.init(body: response.body)
        // Without a quorum some commands run into a null pointer, and Jetty shows its page for that.
        case 500 where response.header("Content-Type")?.lowercased().hasPrefix("text/html") == true: self = .notServing
        case let status: self = .garbage("HTTP status \(status)")
        }
    }

    /// The status is 200 even when the command failed, so the body decides.
    private init(body: [UInt8]) {
        guard let json = try? JSON(parsing: body), json.members != nil, json["command"] != nil else {
            self = .garbage("HTTP 200 with a body that is not an AdminServer's JSON object")
            return
        }
        switch json["error"] {
        case nil, .some(.null): self = .object(json)
        case .some(.string(let text)) where text.contains("not currently serving requests"): self = .notServing
        case .some(let error): self = .commandFailed(error.stringValue ?? error.text)
        }
    }
}

/// The answer to `zabstate`.
package struct ZabState: Hashable, Sendable {
    /// `broadcast` in a working member, empty without a quorum.
    package var phase: String
    package var isVoting: Bool
    /// Missing without a quorum, like the rest below.
    package var lastZxid: Zxid?
    /// The epoch of the last transaction, which can be older than the epoch the member has agreed to.
    package var epoch: Int64?
    package var isLeader: Bool?
    package var myID: Int?

    package var isBroadcasting: Bool { self.phase == "broadcast" }

    package init(_ json: JSON) throws(UnreadableAnswer) {
        guard let phase = json["zabstate"]?.stringValue, let isVoting = json["voting"]?.boolValue else {
            throw UnreadableAnswer("the answer to zabstate lacks zabstate or voting")
        }
        self.phase = phase
        self.isVoting = isVoting
        self.lastZxid = json["last_zxid"]?.stringValue.flatMap { Zxid(hexadecimal: $0) }
        self.epoch = json["zab_epoch"]?.intValue
        self.isLeader = json["is_leader"]?.boolValue
        self.myID = json["myid"]?.intValue.map { Int($0) }
    }
}

/// The answer to `server_stats`, which is `srvr` in JSON.
package struct AdminStatistics: Hashable, Sendable {
    package var version: String
    package var mode: ServerMode
    package var isReadOnly: Bool
    package var zxid: Zxid?
    package var nodeCount: Int?
    package var averageLatencyMilliseconds: Double?

    package init(_ json: JSON) throws(UnreadableAnswer) {
        guard let statistics = json["server_stats"], let mode = statistics["server_state"]?.stringValue,
            let version = json["version"]?.stringValue
        else { throw UnreadableAnswer("the answer to server_stats lacks version or server_state") }
        self.version = version
        self.mode = ServerMode(mode)
        self.isReadOnly = json["read_only"]?.boolValue ?? false
        // Decimal here, unlike everywhere else.
        self.zxid = statistics["last_processed_zxid"]?.intValue.map { Zxid($0) }
        self.nodeCount = json["node_count"]?.intValue.map { Int($0) }
        self.averageLatencyMilliseconds = statistics["avg_latency"]?.doubleValue
    }
}

/// The answer to `voting_view`: who may vote, as this member sees it.
package struct VotingView: Hashable, Sendable {
    /// The numbers of the voters, rising.
    package var voterIDs: [Int]

    package init(_ json: JSON) throws(UnreadableAnswer) {
        guard let members = json["current_config"]?.members else {
            throw UnreadableAnswer("the answer to voting_view lacks current_config")
        }
        let voters = members.filter { $0.value["learner_type"]?.stringValue != "OBSERVER" }
        self.voterIDs = voters.compactMap { Int($0.name) }.sorted()
        guard self.voterIDs.count == voters.count else {
            throw UnreadableAnswer("the answer to voting_view has a member that is not a number")
        }
    }
}
