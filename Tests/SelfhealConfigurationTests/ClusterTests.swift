// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import TestSupport
import Testing

/// Any key whose bytes are whole.
let hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

@Suite struct ClusterTests {
    @Test func `the practice cluster's configuration loads without a word`() throws {
        let loaded = Loaded(
            """
            # Written by 'selfheal lab up'.
            cluster:
              name: lab
              id: "l9sXXrGzTYC2SSgO2Xx-nA"
              zookeeper_nodes:
                - { name: zk1, host: 127.77.1.1, port: 2181, datacenter: lab, voter: true, data_dir: "/lab/zk1/data", \
            log_dir: "/lab/zk1/logs", ssh: { port: 2222, user: "ops", host_key: "\(hostKey)" } }
                - { name: zk2, host: 127.77.1.2, port: 2181, datacenter: lab, voter: true, data_dir: "/lab/zk2/data", \
            ssh: { port: 2222, user: "ops", host_key: "\(hostKey)" } }
                - { name: zk3, host: 127.77.1.3, port: 2181, datacenter: lab, voter: true, data_dir: "/lab/zk3/data", \
            ssh: { port: 2222, user: "ops", host_key: "\(hostKey)" } }
              kafka_brokers:
                - { name: kafka1, host: 127.77.1.11, port: 9092, id: 1, datacenter: lab, ssh: { port: 2222, user: "ops", \
            host_key: "\(hostKey)" } }
            ssh: { identity_file: "/lab/identity" }
            services:
              zookeeper: { start: ["/lab/service", zookeeper, start], stop: ["/lab/service", zookeeper, stop], \
            restart: ["/lab/service", zookeeper, restart], status: ["/lab/service", zookeeper, status] }
              kafka: { start: ["/lab/service", kafka, start], stop: ["/lab/service", kafka, stop], \
            restart: ["/lab/service", kafka, restart], status: ["/lab/service", kafka, status] }
            people:
              - { name: you, unix_user: "ops", roles: [sre] }
              - { name: dana, roles: [sre] }
              - { name: lin, roles: [sre] }
            security: { speak_for_others: true }   # anybody may approve for anybody: for practice alone
            notifications: { channels: { oncall: { kind: file, path: "/lab/notices.jsonl" } } }
            store: { folder: "/lab/store" }

            """
        )
        #expect(loaded.diagnostics == [])
        let configuration = try #require(loaded.configuration)
        let inventory = configuration.inventory
        #expect(inventory.clusterName == "lab")
        #expect(inventory.clusterID == "l9sXXrGzTYC2SSgO2Xx-nA")
        #expect(inventory.nodes.map(\.name) == ["kafka1", "zk1", "zk2", "zk3"])
        let member = try #require(inventory["zk1"])
        #expect(member.roles == ["zookeeper"])
        #expect(member.ports == ["client": 2_181])
        #expect(member.monitor == .zookeeper(ask: [.srvr]))
        #expect(member.dataFolder == "/lab/zk1/data")
        #expect(member.logFolder == "/lab/zk1/logs")
        #expect(
            member.ssh
                == SSHAccess(
                    address: "127.77.1.1",
                    port: 2_222,
                    user: "ops",
                    hostKeys: [hostKey],
                    identityFile: "/lab/identity"
                )
        )
        let broker = try #require(inventory["kafka1"])
        #expect(broker.id == 1)
        #expect(broker.monitor == .tcp(port: "broker"))
        #expect(inventory.command(of: "kafka", .stop, on: broker) == ["/lab/service", "kafka", "stop"])
        #expect(configuration.people.map(\.name) == ["you", "dana", "lin"])
        #expect(configuration.people[0].unixUser == "ops")
        #expect(configuration.allowsSpeakingForOthers)
        #expect(!configuration.requesterMayApprove)
        #expect(configuration.channels == [Channel(name: "oncall", kind: .file(path: "/lab/notices.jsonl"))])
        #expect(configuration.storeFolder == "/lab/store")
    }
}
