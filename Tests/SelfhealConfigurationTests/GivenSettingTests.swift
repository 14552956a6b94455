// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookSource
import SelfhealConfiguration
import TestSupport
import Testing

/// What runbooks read of their site.
@Suite struct GivenSettingTests {
    @Test func `settings keep their order, their text and their place`() {
        let loaded = Loaded.withCluster(
            "settings: { settle_time: ❶2m❶, most: 3, folder: '${HOME}/x' }",
            environment: ["HOME": "/h"]
        )
        #expect(loaded.diagnostics == [])
        let settings = loaded.configuration?.settings ?? []
        #expect(settings.map(\.name.value) == ["settle_time", "most", "folder"])
        #expect(settings.map(\.value.value) == ["2m", "3", "/h/x"])
        #expect(settings.first?.value.span == loaded.source["❶"])
    }

    @Test func `a layer above says it otherwise`() {
        let loaded = Loaded(
            "cluster: { nodes: [{ host: a }] }\nsettings: { most: 3 }",
            settings: ["settings.most=5"]
        )
        #expect(loaded.configuration?.settings.map(\.value.value) == ["5"])
    }

    @Test func `a name that expressions cannot say and a value that is no text are refused`() {
        let loaded = Loaded.withCluster("settings: { ❶Settle-Time❶: 2m, most: ❷[1]❷ }")
        #expect(loaded.diagnostics.map(\.code.number) == [108, 101])
        #expect(loaded.diagnostics.map(\.span) == [loaded.source["❶"], loaded.source["❷"]])
    }

    @Test func `other clusters have an id, a name and a place`() {
        let loaded = Loaded.withCluster(
            "clusters: { us-west-2: { cluster_id: abc, datacenter: us-west-2 }, mirror: { name: kafka-mirror, id: def } }"
        )
        #expect(loaded.diagnostics == [])
        #expect(
            loaded.configuration?.inventory.clusters == [
                NamedCluster(key: "mirror", name: "kafka-mirror", id: "def", datacenter: ""),
                NamedCluster(key: "us-west-2", name: "us-west-2", id: "abc", datacenter: "us-west-2"),
            ]
        )
    }

    @Test func `without any, there is nothing in the inventory`() {
        #expect(Loaded.withCluster("").configuration?.inventory.clusters == nil)
    }

    @Test func `a strange key of a cluster is told with the one that was meant`() {
        let loaded = Loaded.withCluster("clusters: { mirror: { ❶datacentre❶: west } }")
        #expect(loaded.diagnostics.map(\.code.number) == [102])
        #expect(loaded.diagnostics.first?.span == loaded.source["❶"])
        #expect(loaded.diagnostics.first?.slip?.meant == "datacenter")
    }
}
