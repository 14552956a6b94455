// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import Testing

@Suite struct IncompleteChannelTests {
    private func load(_ text: String, _ environment: [String: String] = [:]) -> LoadedConfiguration {
        Loaded(
            "cluster: { zookeeper_nodes: [{ host: zk1 }] }\n" + text,
            environment: environment,
            leavingOutIncompleteChannels: true
        ).result
    }

    private static let channels = """
        notifications:
          channels:
            pager: { kind: webhook, url: "${PAGER_URL}", headers: { Authorization: "Bearer ${PAGER_TOKEN}" } }
            log: { kind: file, path: notices.jsonl }

        """

    @Test func `a channel whose variables are missing is left out, and they are named`() throws {
        let loaded = self.load(Self.channels)
        #expect(loaded.diagnostics == [])
        #expect(try #require(loaded.configuration).channels.map(\.name) == ["log"])
        #expect(loaded.incomplete.map(\.name) == ["pager"])
        #expect(loaded.incomplete.map(\.kind) == ["webhook"])
        #expect(loaded.incomplete.map(\.missing) == [["PAGER_URL", "PAGER_TOKEN"]])
    }

    @Test func `with the variables it is there`() throws {
        let loaded = self.load(Self.channels, ["PAGER_URL": "https://pager.example.com", "PAGER_TOKEN": "t"])
        #expect(loaded.incomplete.isEmpty)
        #expect(try #require(loaded.configuration).channels.map(\.name) == ["pager", "log"])
    }

    @Test func `a mail server that stands alone is one, too`() throws {
        let loaded = self.load(
            "notifications: { smtp: { server: \"smtp://mail\", from: a@example.com, to: [\"${WHO}\"], tls: never } }\n"
        )
        #expect(loaded.incomplete.map(\.missing) == [["WHO"]])
        #expect(try #require(loaded.configuration).channels.isEmpty)
    }

    @Test func `a variable that is missing anywhere else is still a mistake`() {
        let loaded = self.load(Self.channels + "store: { folder: \"${STORE}\" }\n")
        #expect(loaded.configuration == nil)
        #expect(loaded.diagnostics.map(\.code.number) == [501])
        #expect(loaded.diagnostics.first?.message.contains("STORE") == true)
    }

    @Test func `what is wrong with another channel is still a mistake`() {
        let loaded = self.load(
            "notifications: { channels: { a: { kind: slack, url: \"${A}\" }, b: { kind: pigeon } } }\n"
        )
        #expect(loaded.configuration == nil)
        #expect(!loaded.diagnostics.isEmpty)
    }
}
