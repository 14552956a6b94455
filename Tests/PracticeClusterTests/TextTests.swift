// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import PracticeCluster

/// The texts and trees that the lab is made from; nothing is started.
@Suite struct TextTests {
    static let record = LabRecord(
        createdAt: Date(timeIntervalSince1970: 0),
        clusterID: "Q55aD2sDNyzSMOjr08sNnI",
        seed: 7,
        network: 7,
        ports: LabOptions.Ports(),
        loginUser: "ada",
        separatesLogs: false,
        createsMissingDatabase: nil,
        members: [LabRecord.Host(name: "zk1", number: 1, address: "127.0.7.1", hostKey: "ssh-ed25519 AAAA1")],
        brokers: [LabRecord.Host(name: "kafka1", number: 1, address: "127.0.7.11", hostKey: "ssh-ed25519 AAAA2")],
        znodeCount: 50,
        treeDigest: ""
    )

    @Test func `the engine's configuration names every node, service and person`() {
        let layout = Layout(folder: "/tmp/lab")
        let text = EngineConfiguration(layout: layout, record: Self.record, unixUser: "ada").text
        #expect(
            text == """
                # Written by 'selfheal lab up'.
                cluster:
                  name: lab
                  id: "Q55aD2sDNyzSMOjr08sNnI"
                  zookeeper_nodes:
                    - { name: zk1, host: 127.0.7.1, port: 2181, datacenter: lab, voter: true, \
                data_dir: "/tmp/lab/hosts/zk1/data", \
                ssh: { port: 2222, user: "ada", host_key: "ssh-ed25519 AAAA1" } }
                  kafka_brokers:
                    - { name: kafka1, host: 127.0.7.11, port: 9092, id: 1, datacenter: lab, \
                ssh: { port: 2222, user: "ada", host_key: "ssh-ed25519 AAAA2" } }
                ssh: { identity_file: "/tmp/lab/id_ed25519" }
                services:
                  zookeeper: { start: ["/tmp/lab/bin/service", zookeeper, start], \
                stop: ["/tmp/lab/bin/service", zookeeper, stop], \
                restart: ["/tmp/lab/bin/service", zookeeper, restart], \
                status: ["/tmp/lab/bin/service", zookeeper, status] }
                  kafka: { start: ["/tmp/lab/bin/service", kafka, start], \
                stop: ["/tmp/lab/bin/service", kafka, stop], \
                restart: ["/tmp/lab/bin/service", kafka, restart], \
                status: ["/tmp/lab/bin/service", kafka, status] }
                people:
                  - { name: you, unix_user: "ada", roles: [sre] }
                  - { name: dana, roles: [sre] }
                  - { name: lin, roles: [sre] }
                security: { speak_for_others: true, requester_may_approve: true }   # anybody may approve for anybody: for practice alone
                notifications: { channels: { oncall: { kind: file, path: "/tmp/lab/notices.jsonl" } } }
                store: { folder: "/tmp/lab/store" }
                # What 'selfheal serve RUNBOOK…' looks at and whom it asks; a real cluster is looked at less often.
                monitoring: { interval: 2s, timeout: 1500ms }
                watch: { channels: [oncall], ask: { from: ["role:sre"] } }

                """
        )
    }

    @Test func `the same seed gives the same tree, and another seed another one`() {
        let tree = Self.record.expectedTree
        #expect(tree.count == ZnodeTree.size)
        #expect(tree == Self.record.expectedTree)
        #expect(ZnodeTree.clusterID(in: tree) == "Q55aD2sDNyzSMOjr08sNnI")
        var other = Self.record
        other.seed = 8
        #expect(other.expectedTree.digest != tree.digest)
        #expect(ZnodeTree.clusterID(seed: 7).count == 22)
        for path in tree.paths where path.dropFirst().contains("/") {
            let parent = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
            #expect(tree[String(parent)] != nil, "\(path) has no parent")
        }
    }

    @Test func `a digest tells apart what only joins alike`() {
        var first = ZnodeTree()
        first["/ab"] = "c"
        var second = ZnodeTree()
        second["/a"] = "bc"
        #expect(first.digest != second.digest)
    }

    @Test(arguments: ["plain", "two words", "it's", "$HOME `id` \"x\" \\", ""])
    func `a quoted word arrives byte for byte`(word: String) async throws {
        let outcome = try await ChildProcess.run(["/bin/sh", "-c", "printf %s \(Shell.quote(word))"])
        #expect(outcome == ChildProcess.Outcome(exitStatus: 0, output: word))
    }

    @Test func `a child that takes too long is killed and named`() async throws {
        let error = await #expect(throws: PracticeClusterError.self) {
            try await ChildProcess.run(["/bin/sleep", "600"], within: .milliseconds(50))
        }
        #expect(error?.code == .timedOut)
        #expect(error?.message.hasPrefix("/bin/sleep 600 took longer than") == true)
    }

    @Test func `the last record of a log is found before the zeros that follow it`() {
        let header = Array("ZKLG".utf8) + [UInt8](repeating: 0, count: 12)
        let record = [UInt8](repeating: 9, count: 8) + [0, 0, 0, 4] + [1, 2, 3, 4] + [UInt8(ascii: "B")]
        #expect(MemberDisk.lastRecord(of: header + record + record + [UInt8](repeating: 0, count: 99)) == 33..<50)
        #expect(MemberDisk.lastRecord(of: header + record + record.dropLast()) == 16..<33)
        #expect(MemberDisk.lastRecord(of: header) == nil)
        #expect(MemberDisk.lastRecord(of: []) == nil)
    }
}
