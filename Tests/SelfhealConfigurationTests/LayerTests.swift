// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import Testing

/// `include:`, environments and their overlays: what lies upon what.
@Suite struct LayerTests {
    private static let cluster = "cluster: { zookeeper_nodes: [{ name: zk1, host: zk1 }] }\n"

    private static func names(_ loaded: Loaded) -> [String]? {
        loaded.configuration?.inventory.nodes.map(\.name.text)
    }

    // MARK: Include

    @Test func `what is included lies below, in its order`() throws {
        let loaded = Loaded(
            """
            include: [watch.yaml, more.yaml]
            cluster: { name: east, zookeeper_nodes: [{ name: zk1, host: zk1 }] }
            monitoring: { interval: 9s }
            """,
            files: [
                "/etc/selfheal/watch.yaml": "monitoring: { interval: 5s, timeout: 1s, up_after: 7, down_after: 3 }",
                "/etc/selfheal/more.yaml": "monitoring: { up_after: 8 }\ncluster: { name: below, id: kept }",
            ]
        )
        #expect(loaded.diagnostics == [])
        let configuration = try #require(loaded.configuration)
        #expect(configuration.watch.every == .seconds(9))
        #expect(configuration.watch.timeout == .seconds(1))
        #expect(configuration.watch.upAfter == 8)
        #expect(configuration.watch.downAfter == 3)
        #expect(configuration.inventory.clusterName == "east")
        #expect(configuration.inventory.clusterID == "kept")
        #expect(
            loaded.result.files.map(\.path) == ["selfheal.yaml", "/etc/selfheal/watch.yaml", "/etc/selfheal/more.yaml"]
        )
    }

    @Test func `a relative path is taken from the folder of the file that has it`() throws {
        let loaded = Loaded(
            "include: parts/all.yaml\nstore: { folder: state }",
            files: [
                "/etc/selfheal/parts/all.yaml": Self.cluster + "include: deep/books.yaml\n",
                "/etc/selfheal/parts/deep/books.yaml": "watch: { runbooks: [books/a.yaml, ../b.yaml] }",
            ]
        )
        #expect(loaded.diagnostics == [])
        let configuration = try #require(loaded.configuration)
        #expect(configuration.storeFolder == "/etc/selfheal/state")
        #expect(
            configuration.watchedRunbooks.map(\.value)
                == ["/etc/selfheal/parts/deep/books/a.yaml", "/etc/selfheal/parts/deep/../b.yaml"]
        )
    }

    @Test func `a mistake points into the file where it was written`() {
        let loaded = Loaded(
            "include: [a.yaml, b.yaml]\n" + Self.cluster,
            files: [
                "/etc/selfheal/a.yaml": "\nmonitoring: { timeout: 20s }",
                "/etc/selfheal/b.yaml": "monitoring:\n  interval: 10s\n  interwal: 5s",
            ]
        )
        #expect(loaded.found == ["RB0534 /etc/selfheal/a.yaml:2", "RB0102 /etc/selfheal/b.yaml:3"])
        #expect(loaded.diagnostics.first?.notes.first?.span?.description == "/etc/selfheal/b.yaml:2:13")
    }

    @Test func `broken YAML in an included file is told like any other`() {
        let loaded = Loaded("include: a.yaml\n" + Self.cluster, files: ["/etc/selfheal/a.yaml": "people: [ada"])
        #expect(loaded.configuration == nil)
        #expect(loaded.diagnostics.allSatisfy { $0.span.path == "/etc/selfheal/a.yaml" })
        #expect(!loaded.diagnostics.isEmpty)
        let list = Loaded("include: a.yaml\n" + Self.cluster, files: ["/etc/selfheal/a.yaml": "[a]"])
        #expect(list.found == ["RB0101 /etc/selfheal/a.yaml:1"])
    }

    @Test func `a file that includes itself by any name is refused once`() {
        let loaded = Loaded(
            "include: parts/a.yaml\n" + Self.cluster,
            files: ["/etc/selfheal/parts/a.yaml": "include: ../parts/./a.yaml"]
        )
        #expect(loaded.found == ["RB0561 /etc/selfheal/parts/a.yaml:1"])
    }

    @Test func `files that go on for ever are refused at a limit`() {
        let deep = Dictionary(
            uniqueKeysWithValues: (0..<20).map { ("/etc/selfheal/\($0).yaml", "include: \($0 + 1).yaml") }
        )
        #expect(Loaded("include: 0.yaml\n" + Self.cluster, files: deep).found == ["RB0562 /etc/selfheal/7.yaml:1"])
        let names = (0..<100).map { "\($0).yaml" }
        let wide = Dictionary(uniqueKeysWithValues: names.map { ("/etc/selfheal/\($0)", "people: []") })
        let loaded = Loaded("include: [\(names.joined(separator: ", "))]\n" + Self.cluster, files: wide)
        #expect(Set(loaded.found) == ["RB0562 selfheal.yaml:1"])
        #expect(loaded.result.files.count == 64)
    }

    @Test func `files that are not there are waited for all the same`() {
        let loaded = Loaded("environment: blue\ninclude: gone.yaml\n" + Self.cluster)
        #expect(loaded.found == ["RB0560 selfheal.yaml:2"])
        #expect(
            loaded.result.sought == ["selfheal.yaml", "/etc/selfheal/gone.yaml", "/etc/selfheal/selfheal.blue.yaml"]
        )
    }

    // MARK: Environments

    private static let base = """
        cluster:
          kafka_brokers:
            - { name: k1, host: k1, port: 9092, labels: { tier: gold } }
            - { node_id: k2, host: k2 }
        people: [{ name: ada, roles: [sre] }]
        monitoring: { interval_seconds: 30, timeout_seconds: 15 }
        environments:
          staging:
            monitoring: { interval: 20s }
            cluster: { kafka_brokers: { k2: null, k1: { port: 9093 } } }

        """
    private static let production = [
        "/etc/selfheal/selfheal.production.yaml": """
        monitoring: { interval_seconds: 20 }
        cluster:
          kafka_brokers:
            - { name: k2, rack: b }
            - { name: k3, host: k3 }
        people: [{ name: ada, roles: [owner] }, { name: lin }]
        """
    ]

    @Test func `without an environment nothing lies upon the file`() throws {
        let loaded = Loaded(Self.base, files: Self.production)
        #expect(loaded.diagnostics == [])
        #expect(loaded.configuration?.watch.every == .seconds(30))
        #expect(Self.names(loaded) == ["k1", "k2"])
        #expect(loaded.result.environment == nil)
    }

    @Test func `an overlay changes nodes and people by name, adds others, and replaces other lists`() throws {
        let loaded = Loaded(Self.base, files: Self.production, overlay: "production")
        #expect(loaded.diagnostics == [])
        let configuration = try #require(loaded.configuration)
        #expect(Self.names(loaded) == ["k1", "k2", "k3"])
        #expect(configuration.inventory["k2"]?.rack == "b")
        #expect(configuration.inventory["k2"]?.host == "k2")
        #expect(configuration.people.map(\.name.text) == ["ada", "lin"])
        #expect(configuration.people[0].roles == ["owner"])
        #expect(configuration.watch.every == .seconds(20))
        #expect(configuration.watch.timeout == .seconds(15))
        #expect(loaded.result.environment == "production")
    }

    @Test func `an environment in the file itself can change nodes by name and take them away`() throws {
        let loaded = Loaded(Self.base, files: Self.production, overlay: "staging")
        #expect(loaded.diagnostics == [])
        #expect(Self.names(loaded) == ["k1"])
        #expect(loaded.configuration?.inventory["k1"]?.ports == ["broker": 9_093])
        #expect(loaded.configuration?.inventory["k1"]?.labels == ["tier": "gold"])
        // 'interval' lies upon 'interval_seconds', which is the same key.
        #expect(loaded.configuration?.watch.every == .seconds(20))
    }

    @Test func `the file may name its environment, and the command line knows better`() throws {
        let named = Loaded("environment: staging\n" + Self.base, files: Self.production)
        #expect(Self.names(named) == ["k1"])
        let other = Loaded("environment: staging\n" + Self.base, files: Self.production, overlay: "production")
        #expect(Self.names(other) == ["k1", "k2", "k3"])
        #expect(Loaded("environment: mine\n" + Self.base).diagnostics == [])
        #expect(Loaded("environment: ❶../mine❶\n" + Self.base).found == ["RB0508 selfheal.yaml:1"])
    }

    @Test func `the overlays of included files lie below those of the file, and the file of the environment above all`()
    {
        let files = [
            "/etc/selfheal/a.yaml": "production: { monitoring: { up_after: 3, down_after: 3, timeout: 1s } }",
            "/etc/selfheal/selfheal.production.yaml":
                "monitoring: { down_after: 5 }\nproduction: { watch: { cooldown: 1m } }",
        ]
        let loaded = Loaded(
            "include: a.yaml\nproduction: { monitoring: { up_after: 4, down_after: 4 } }\n" + Self.cluster,
            files: files,
            overlay: "production"
        )
        #expect(loaded.diagnostics == [])
        #expect(loaded.configuration?.watch.timeout == .seconds(1))
        #expect(loaded.configuration?.watch.upAfter == 4)
        #expect(loaded.configuration?.watch.downAfter == 5)
        #expect(loaded.configuration?.watch.cooldown == .minutes(1))
    }

    @Test func `null takes a key away, and a missing one stays a mistake`() {
        let text = Self.cluster + "http: { listen: '127.0.0.1:9480' }\nenvironments: { quiet: { http: null } }"
        #expect(Loaded(text, overlay: "quiet").configuration?.http == nil)
        #expect(Loaded(text).configuration?.http != nil)
        let nothing = Loaded(Self.cluster + "environments: { quiet: { http: null } }", overlay: "quiet")
        #expect(nothing.found == ["RB0101 selfheal.yaml:2"])
    }

    @Test func `an environment that makes no difference is a slip of the one who asks for it`() {
        #expect(Loaded(Self.base, overlay: "producton").found == ["RB0563 selfheal.yaml"])
        #expect(Loaded(Self.base, overlay: "../x").found == ["RB0508 --environment:1"])
    }

    @Test func `a node that is not below cannot be changed`() {
        let text = "environments: { a: { cluster: { kafka_brokers: { k9: { port: 1 } } } } }\n"
        let loaded = Loaded(
            "cluster: { kafka_brokers: [{ name: k1, host: k1 }] }\n" + text,
            overlay: "a"
        )
        #expect(loaded.found == ["RB0565 selfheal.yaml:2"])
    }

    @Test func `what belongs together is said at the top of a file alone`() {
        let loaded = Loaded(
            Self.cluster + "environments:\n  a:\n    include: [b.yaml]\nbase_config:\n  environment: production",
            settings: ["include=c.yaml"]
        )
        #expect(loaded.found == ["RB0568 --set:1", "RB0568 selfheal.yaml:4", "RB0568 selfheal.yaml:6"])
    }

    // MARK: Rules of production

    @Test func `production has three brokers, wherever it is said`() {
        let brokers = "cluster: { kafka_brokers: [{ host: a }, { host: b }] }\n"
        let loaded = Loaded("environment: production\n" + brokers)
        #expect(loaded.found == ["RB0566 selfheal.yaml:2"])
        #expect(loaded.diagnostics.first?.notes.first?.span?.description == "selfheal.yaml:1:14")
        #expect(Loaded("environment: staging\n" + brokers).diagnostics == [])
        let asked = Loaded(brokers + "production: { watch: { cooldown: 1m } }", overlay: "production")
        #expect(asked.found == ["RB0566 selfheal.yaml:1"])
        #expect(Loaded("environment: production\n" + Self.cluster).diagnostics == [])
    }
}
