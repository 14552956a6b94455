// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import TestSupport
import Testing

/// `${file:PATH}`.
@Suite struct SecretFileTests {
    private static let channel = """
        cluster: { zookeeper_nodes: [{ host: zk1 }] }
        notifications: { channels: { chat: { kind: slack, url: ❶"❷${file:secrets/chat}❷"❶ } } }
        """

    private static func load(_ secret: String?, reading: Bool = false) -> Loaded {
        Loaded(
            self.channel,
            files: secret.map { ["/etc/selfheal/secrets/chat": $0] } ?? [:],
            leavingOutIncompleteChannels: reading
        )
    }

    @Test(arguments: ["https://h/x", "https://h/x\n", "https://h/x\r\nmore\n"])
    func `the first line of the file is the secret, and no secret in the file`(secret: String) {
        let loaded = Self.load(secret)
        #expect(loaded.diagnostics == [])
        #expect(loaded.configuration?.channels.map(\.kind) == [.slack(url: Secret("https://h/x"))])
        #expect(loaded.result.sought == ["selfheal.yaml", "/etc/selfheal/secrets/chat"])
    }

    @Test(arguments: [nil, "", "\nhttps://h/x", String(repeating: "x", count: 65_537)] as [String?])
    func `a file that has no secret is told once, where it is named`(secret: String?) {
        let loaded = Self.load(secret)
        #expect(loaded.diagnostics.map(\.code.number) == [567])
        #expect(loaded.diagnostics.map(\.span) == [loaded.source["❷"]])
        #expect(loaded.configuration == nil)
    }

    @Test func `who tells nobody anything does without the channel`() {
        let loaded = Self.load(nil, reading: true)
        #expect(loaded.diagnostics == [])
        #expect(loaded.configuration?.channels == [])
        #expect(loaded.result.incomplete.map(\.missing) == [["file:/etc/selfheal/secrets/chat"]])
    }

    @Test func `a secret that a layer above replaces need not be there`() {
        let loaded = Loaded(
            "cluster: { zookeeper_nodes: [{ host: \"${GONE}\" }] }\nstore: { folder: \"${file:gone}\" }",
            environment: ["HERE": "zk1"],
            settings: [
                "store.folder=/s", "cluster.zookeeper_nodes=[{ host: \"${HERE}\" }]",
                "cluster.zookeeper_nodes.${GONE}=null",
            ]
        )
        #expect(loaded.diagnostics == [])
        #expect(loaded.configuration?.inventory.nodes.map(\.host) == ["zk1"])
    }

    @Test func `a path is taken from the folder of the file that names it`() {
        let loaded = Loaded(
            "include: parts/chat.yaml\ncluster: { zookeeper_nodes: [{ host: zk1 }] }",
            files: [
                "/etc/selfheal/parts/chat.yaml":
                    "notifications: { channels: { chat: { kind: slack, url: \"${file:chat}\" } } }",
                "/etc/selfheal/parts/chat": "https://h/x",
            ]
        )
        #expect(loaded.diagnostics == [])
    }
}
