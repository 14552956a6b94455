// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The znodes of the practice cluster, by path.
///
/// They look like a Kafka cluster's. `/brokers/ids/N` and `/controller` are ephemeral in a real cluster; here they
/// persist, because the stand-ins hold no session.
struct ZnodeTree: Hashable, Sendable {
    /// ZooKeeper's own part of the tree, which is not data.
    static let reserved = "/zookeeper"

    /// How many znodes are written.
    static let size = 50

    private(set) var dataByPath: [String: String] = [:]

    var count: Int { self.dataByPath.count }

    /// Parents come before their children.
    var paths: [String] { self.dataByPath.keys.sorted() }

    subscript(path: String) -> String? {
        get { self.dataByPath[path] }
        set { self.dataByPath[path] = newValue }
    }

    /// FNV-1a over all paths and data in order, in hexadecimal: tells accidents apart, not attackers.
    var digest: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ text: String) {
            for byte in text.utf8 {
                hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
            }
            // A byte that UTF-8 does not have, so that "ab" + "c" differs from "a" + "bc".
            hash = (hash ^ 0xff) &* 0x100_0000_01b3
        }
        for path in self.paths {
            add(path)
            add(self.dataByPath[path] ?? "")
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension ZnodeTree {
    static func clusterID(seed: UInt64) -> String {
        var generator = SplitMix64(state: seed)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        return String((0..<22).map { _ in alphabet[Int(generator.next() % 64)] })
    }

    /// What `/cluster/id` of a tree says.
    static func clusterID(in tree: ZnodeTree) -> String? {
        guard let bytes = tree["/cluster/id"]?.utf8,
            let entry = try? JSONDecoder().decode([String: String].self, from: Data(bytes))
        else {
            return nil
        }
        return entry["id"]
    }

    static func seeded(_ seed: UInt64, clusterID: String, brokers: [LabRecord.Host], port: UInt16) -> ZnodeTree {
        var generator = SplitMix64(state: ~seed)
        var tree = ZnodeTree()
        for path in [
            "/admin", "/admin/delete_topics", "/brokers", "/brokers/ids", "/brokers/seqid", "/brokers/topics",
            "/cluster",
            "/config", "/config/brokers", "/config/changes", "/config/topics", "/consumers", "/isr_change_notification",
        ] {
            tree[path] = ""
        }
        tree["/cluster/id"] = #"{"version":"1","id":"\#(clusterID)"}"#
        tree["/controller_epoch"] = "1"
        for broker in brokers {
            tree["/brokers/ids/\(broker.number)"] =
                #"{"endpoints":["PLAINTEXT://\#(broker.address):\#(port)"],"host":"\#(broker.address)","port":\#(port),"version":5}"#
        }
        if let first = brokers.first {
            tree["/controller"] =
                #"{"version":2,"brokerid":\#(first.number),"timestamp":"0","kraftControllerEpoch":-1}"#
        }
        let names = [
            "orders", "payments", "parcels", "invoices", "clicks", "returns", "stock", "prices", "carts", "refunds",
        ]
        let numbers = brokers.isEmpty ? [1] : brokers.map(\.number)
        var round = 0
        while tree.count < Self.size {
            let topic = names[round % names.count] + (round < names.count ? "" : String(round / names.count))
            let leader = numbers[Int(generator.next() % UInt64(numbers.count))]
            tree.addTopic(topic, leader: leader, salt: generator.next())
            round += 1
        }
        return tree
    }

    /// Adds what a topic of one partition has, stopping at ``size``.
    private mutating func addTopic(_ topic: String, leader: Int, salt: UInt64) {
        let znodes = [
            ("/config/topics/\(topic)", #"{"version":1,"config":{"retention.ms":"\#(salt % 604_800_000)"}}"#),
            ("/brokers/topics/\(topic)", #"{"version":3,"topic_id":"\#(salt)","partitions":{"0":[\#(leader)]}}"#),
            ("/brokers/topics/\(topic)/partitions", ""),
            ("/brokers/topics/\(topic)/partitions/0", ""),
            (
                "/brokers/topics/\(topic)/partitions/0/state",
                #"{"controller_epoch":1,"leader":\#(leader),"version":1,"leader_epoch":0,"isr":[\#(leader)]}"#
            ),
        ]
        for (path, data) in znodes where self.count < Self.size {
            self[path] = data
        }
    }
}

/// Sebastiano Vigna's SplitMix64: small, fast, and the same on every machine.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
