// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import PracticeCluster

/// The service command by itself, with a daemon that is nothing but asleep.
@Suite struct ServiceCommandTests {
    struct Host {
        let layout: Layout
        let name = "host1"

        func service(_ arguments: [String], host: String = "host1") async throws -> ChildProcess.Outcome {
            try await ChildProcess.run([self.layout.serviceCommand] + arguments, adding: ["SELFHEAL_LAB_HOST": host])
        }

        func kafka(_ verb: String) async throws -> ChildProcess.Outcome {
            try await self.service(["kafka", verb])
        }

        var process: ProcessIdentity? { ProcessIdentity(pidFile: self.layout.host(self.name).pidFile(.kafka)) }
    }

    static func with(daemon command: [String], _ body: (Host) async throws -> Void) async throws {
        let host = Host(layout: Layout(folder: Lab.newFolder))
        try host.layout.claim()
        let folder = host.layout.host(host.name)
        for path in [host.layout.hosts, host.layout.serviceFolder, folder.folder] + folder.all {
            try Files.makeFolder(path)
        }
        let text = ServiceCommand.text(layout: host.layout, programs: try Programs().resolved())
        try Files.write(host.layout.serviceCommand, text, mode: 0o700)
        let daemon = ServiceCommand.daemon(title: "A test", needs: [(command[0], "coreutils")], command: command)
        try Files.write(folder.daemon(.kafka), daemon)
        do {
            try await body(host)
        } catch {
            try await PracticeCluster.down(folder: host.layout.folder)
            throw error
        }
        try await PracticeCluster.down(folder: host.layout.folder)
        #expect(Lab.processes(of: host.layout.folder) == [])
    }

    @Test func `starting, asking, restarting and stopping do what they say, and twice is fine`() async throws {
        try await Self.with(daemon: ["/bin/sleep", "600"]) { host in
            #expect(try await host.kafka("status").exitStatus == 3)
            #expect(try await host.kafka("start").exitStatus == 0)
            let first = try #require(host.process)
            #expect(first.state == .running(pid: first.pid))
            #expect(try await host.kafka("start").output == "kafka on host1 is running (pid \(first.pid))\n")
            #expect(host.process == first)
            #expect(try await host.kafka("status").exitStatus == 0)
            #expect(try await host.kafka("restart").exitStatus == 0)
            let second = try #require(host.process)
            #expect(first.state == .down)
            #expect(second.state == .running(pid: second.pid))
            #expect(try await host.kafka("stop").exitStatus == 0)
            #expect(second.state == .down)
            #expect(try await host.kafka("stop").exitStatus == 0)
            #expect(try await host.kafka("status").exitStatus == 3)
        }
    }

    @Test func `many starts at once start one daemon`() async throws {
        try await Self.with(daemon: ["/bin/sleep", "600"]) { host in
            let outcomes = try await Concurrently.map(Array(0..<8)) { _ async throws(PracticeClusterError) in
                try await ChildProcess.run(
                    [host.layout.serviceCommand, "kafka", "start"],
                    adding: ["SELFHEAL_LAB_HOST": host.name]
                )
            }
            #expect(outcomes.allSatisfy { $0.exitStatus == 0 })
            #expect(outcomes.count { $0.output.contains("started") } == 1)
            #expect(Lab.processes(of: host.layout.folder).count == 1)
        }
    }

    @Test func `a pid file of an earlier life is not believed`() async throws {
        try await Self.with(daemon: ["/bin/sleep", "600"]) { host in
            let own = try #require(ProcessTable.entry(of: ProcessTable.ownPID)).identity
            let path = host.layout.host(host.name).pidFile(.kafka)
            try Files.write(path, "\(own.pid) \(own.startTime - 1)\n")
            #expect(try await host.kafka("status").exitStatus == 3)
            #expect(try await host.kafka("stop").exitStatus == 0)
            #expect(own.state != .down)
        }
    }

    @Test func `a missing program is named together with its package`() async throws {
        try await Self.with(daemon: ["/nowhere/java", "-version"]) { host in
            let outcome = try await host.kafka("start")
            #expect(outcome.exitStatus == 5)
            #expect(
                outcome.output
                    == "service: /nowhere/java is missing; install it with: apt-get install coreutils\n"
            )
        }
    }

    @Test func `a wrong question is refused with its own exit status`() async throws {
        try await Self.with(daemon: ["/bin/sleep", "600"]) { host in
            let questions: [(arguments: [String], host: String, status: Int32)] = [
                (["kafka"], "host1", 2), (["kafka", "reload"], "host1", 2), (["zookeeper", "start"], "host1", 4),
                (["../kafka", "start"], "host1", 4), (["kafka", "start"], "host2", 2),
                (["kafka", "start"], "../host1", 2),
                (["kafka", "start"], "", 2),
            ]
            for question in questions {
                let outcome = try await host.service(question.arguments, host: question.host)
                #expect(outcome.exitStatus == question.status, "\(question)")
                #expect(outcome.output.hasPrefix("service: "))
            }
            #expect(host.process == nil)
        }
    }
}
