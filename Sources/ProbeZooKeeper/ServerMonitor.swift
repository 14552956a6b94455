// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The answer to `mntr`: every counter of the server by name.
package struct ServerMonitor: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var key: String
        package var value: String
    }

    /// Some 40 in 3.4, some 500 since 3.6; more are not read.
    private static let entryLimit = 10_000

    /// In the server's order.
    package let entries: [Entry]
    private let values: [String: String]

    package init(parsing text: String) throws(UnreadableAnswer) {
        var entries: [Entry] = []
        for line in text.split(whereSeparator: \.isNewline).prefix(Self.entryLimit) {
            guard let (key, value) = line.splitOnce(at: "\t") else { continue }
            entries.append(Entry(key: String(key), value: String(value.trimmingBlanks)))
        }
        self.entries = entries
        self.values = Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
        guard self.values["zk_version"] != nil, self.values["zk_server_state"] != nil else {
            throw UnreadableAnswer("the answer to mntr lacks zk_version or zk_server_state")
        }
    }

    package subscript(_ key: String) -> String? { self.values[key] }

    /// A counter; the text of a fraction or `NaN` is none, and neither is a number too large to calculate with.
    package func count(_ key: String) -> Int? {
        self.values[key].flatMap { Int($0) }.flatMap { $0.magnitude <= 1 << 53 ? $0 : nil }
    }

    package func number(_ key: String) -> Double? {
        self.values[key].flatMap { Double($0) }.flatMap { $0.isFinite ? $0 : nil }
    }

    package var version: String { self.values["zk_version"] ?? "" }
    package var mode: ServerMode { ServerMode(self.values["zk_server_state"] ?? "") }

    /// Whether the member takes part in broadcasts, or `nil` before 3.6, which does not say.
    package var isBroadcasting: Bool? {
        // A standalone server has no part in any ensemble and says nothing either.
        self.values["zk_peer_state"].map { $0.hasSuffix("broadcast") }
    }

    /// The configured voters; since 3.6.
    package var quorumSize: Int? { self.count("zk_quorum_size") }
    /// On the leader only: followers that are in sync.
    package var syncedFollowers: Int? { self.count("zk_synced_followers") }
    /// On the leader only: connected followers and observers; renamed in 3.6.
    package var learners: Int? { self.count("zk_learners") ?? self.count("zk_followers") }
    package var nodeCount: Int? { self.count("zk_znode_count") }
    package var outstanding: Int? { self.count("zk_outstanding_requests") }
    package var averageLatencyMilliseconds: Double? { self.number("zk_avg_latency") }

    /// How many voters may still be lost before the quorum is: on the leader, where both numbers are known.
    package var quorumMargin: Int? {
        guard let synced = self.syncedFollowers, let size = self.quorumSize else { return nil }
        return synced + 1 - (size / 2 + 1)
    }
}
