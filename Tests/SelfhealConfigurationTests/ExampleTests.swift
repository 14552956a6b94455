// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import SelfhealConfiguration
import TestSupport
import Testing

@Suite struct ExampleTests {
    @Test func `the example loads without a word`() throws {
        let loaded = Loaded(
            try Repository.text("examples/selfheal.yaml"),
            environment: [
                "SMTP_PASSWORD": "p", "ALERTS_TOKEN": "t", "ALERTS_SIGNING_KEY": "k",
                "SLACK_URL": "https://chat.example.com/services/x",
            ]
        )
        #expect(loaded.diagnostics.map(loaded.source.render) == [])
        let configuration = try #require(loaded.configuration)
        let inventory = configuration.inventory
        #expect(inventory.nodes.count == 12)
        #expect(inventory.nodes.allSatisfy { $0.ssh?.hostKeys.count == 1 })
        #expect(inventory["kafka3"]?.ssh?.address == "10.20.0.33")
        #expect(inventory["kafka3"]?.ssh?.port == 2_222)
        #expect(inventory["kafka1"]?.ssh?.identityFile == "/etc/selfheal/id_ed25519")
        #expect(inventory["kafka1"]?.ports == ["broker": 9_092, "jmx": 9_999])
        #expect(inventory["zk1"]?.ports == ["client": 2_181, "admin": 8_080])
        #expect(inventory["mirror1"]?.roles == ["mirror"])
        let mirror = try #require(inventory["mirror1"])
        #expect(
            inventory.command(of: "mirror_maker", .restart, on: mirror)
                == ["systemctl", "restart", "kafka-mirror-maker@prod.service"]
        )
        #expect(configuration.people.count == 5)
        #expect(configuration.channels.map(\.name) == ["oncall", "incidents", "chat", "record"])
        #expect(configuration.storeFolder == "/var/lib/selfheal")
        #expect(!configuration.allowsSpeakingForOthers)
    }
}
