// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import Testing

/// `--set key.path=value`.
@Suite struct SettingTests {
    private static let text = """
        cluster: { zookeeper_nodes: [{ name: zk1.east, host: zk1 }, { host: zk2, voter: false }] }
        notifications: { channels: { oncall: { kind: console } } }
        monitoring: { interval_seconds: 30 }
        watch: { channels: [oncall] }
        """

    private static func load(_ settings: String...) -> Loaded {
        Loaded(self.text, settings: settings)
    }

    @Test func `a setting lies above all files, and the last one wins`() throws {
        let loaded = Loaded(
            Self.text + "\nproduction: { monitoring: { interval: 20s } }",
            overlay: "production",
            settings: ["monitoring.interval=9s", "monitoring.up_after=4", "monitoring.up_after=5", "cluster.name=x"]
        )
        #expect(loaded.diagnostics == [])
        let configuration = try #require(loaded.configuration)
        #expect(configuration.watch.every == .seconds(9))
        #expect(configuration.watch.upAfter == 5)
        #expect(configuration.inventory.clusterName == "x")
    }

    @Test func `nodes are named, and a name with a full stop is quoted`() throws {
        let loaded = Self.load("cluster.zookeeper_nodes.\"zk1.east\".port=2182", "cluster.zookeeper_nodes.zk2.rack=b")
        #expect(loaded.diagnostics == [])
        #expect(loaded.configuration?.inventory["zk1.east"]?.ports == ["client": 2_182])
        #expect(loaded.configuration?.inventory["zk2"]?.rack == "b")
    }

    @Test func `a value is YAML, and nothing takes the key away`() {
        #expect(Self.load("watch.channels=[]").configuration?.watch.channels == [])
        #expect(Self.load("watch.channels=").configuration?.watch.channels == [])
        #expect(Self.load("watch=null").configuration?.watch.channels == [])
        #expect(Self.load("store.folder=/a=b").configuration?.storeFolder == "/a=b")
        #expect(Self.load("store.folder=state").configuration?.storeFolder == "state")
    }

    @Test(arguments: [
        ("monitoring", UInt16(564), 1), ("=5s", 564, 1), ("monitoring.=5s", 564, 1), ("\"monitoring=5s", 564, 1),
        ("monitoring..interval=5s", 564, 1), ("monitoring.interval=5", 533, 21), ("monitoring.up_after=many", 101, 21),
        ("monitoring.upafter=2", 102, 12), ("watch.channels=[a", 12, 16), ("environment=production", 568, 1),
        ("cluster.zookeeper_nodes.zk9.port=1", 565, 25),
    ])
    func `a mistake is named at its place on the command line`(setting: String, code: UInt16, column: Int) {
        let loaded = Self.load("watch.cooldown=1m", setting)
        if code == 12 {
            // What libyaml says of an open bracket is its own affair; that it is said here is ours.
            #expect(loaded.diagnostics.hasErrors)
        } else {
            #expect(loaded.diagnostics.map(\.code.number) == [code])
            #expect(loaded.diagnostics.first?.span.start.column == column)
        }
        #expect(loaded.diagnostics.allSatisfy { $0.span.path == "--set" && $0.span.start.line == 2 })
    }

    @Test func `too many settings are refused`() {
        let loaded = Loaded(Self.text, settings: Array(repeating: "cluster.name=x", count: 201))
        #expect(loaded.found == ["RB0564 --set"])
    }

    @Test func `a key that goes on for ever is no key`() {
        let loaded = Self.load(String(repeating: "a.", count: 50_000) + "a=1")
        #expect(loaded.found == ["RB0564 --set:1"])
    }

    @Test func `a line break cannot hide a second setting`() {
        let loaded = Self.load("cluster.name=x\nwatch.cooldown: 1s")
        #expect(loaded.configuration == nil)
        #expect(loaded.diagnostics.allSatisfy { $0.span.path == "--set" })
    }
}
