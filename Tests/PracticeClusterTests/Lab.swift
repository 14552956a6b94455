// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import PracticeCluster

/// Cluster for one test, in a folder of its own, that is gone afterwards whatever happened.
enum Lab {
    /// Listens and closes whatever connects; stands for a broker here.
    static let standIn = [
        "/usr/bin/python3", "-c",
        """
        import socket, sys
        address, port = sys.argv[2].rsplit(":", 1)
        server = socket.create_server((address, int(port)))
        while True:
            server.accept()[0].close()
        """,
    ]

    /// How long anything may take here; only a failing test waits for it.
    static let patience: Duration = .seconds(120)

    static var newFolder: String { "/tmp/selfheal-lab-test-\(UUID().uuidString.prefix(8))" }

    static var options: LabOptions {
        var options = LabOptions(folder: Self.newFolder, standInCommand: Self.standIn)
        options.brokers = 0
        options.seed = 7
        return options
    }

    static func with(
        _ options: LabOptions = Self.options,
        _ body: (PracticeCluster) async throws -> Void
    ) async throws {
        let cluster = try await PracticeCluster.up(options)
        do {
            try await body(cluster)
        } catch {
            try await PracticeCluster.down(folder: options.folder)
            throw error
        }
        try await PracticeCluster.down(folder: options.folder)
        #expect(Self.processes(of: options.folder) == [])
        #expect(!Files.exists(options.folder))
    }

    /// Waits until a process with these words in its command line runs on one of the hosts.
    static func untilRunning(_ words: String, in folder: String) async throws {
        try await Waiting.until("'\(words)' runs", within: Self.patience) {
            let all = Self.processes(of: folder)
            return all.contains { $0.contains(words) } ? .done : .notYet("\(all)")
        }
    }

    /// What still runs for a lab, by pid and command line.
    static func processes(of folder: String) -> [String] {
        ProcessTable.read().ofLab(Layout(folder: folder)).map { entry in
            "\(entry.identity.pid): " + (Files.readText("/proc/\(entry.identity.pid)/cmdline") ?? "")
        }
    }
}

extension PracticeCluster {
    /// Runs a command on a host as a person would.
    func ssh(_ host: String, _ command: String) async throws -> ChildProcess.Outcome {
        try await ChildProcess.run(
            ["/usr/bin/ssh", "-F", self.sshConfigurationPath, "-o", "ConnectTimeout=120", host, command],
            within: Lab.patience
        )
    }

    /// Waits until what `srvr` says of a member is as wanted.
    func wait(for name: String, _ what: String, _ isWanted: (MemberAnswer) -> Bool) async throws {
        let client = self.client(of: try self.member(name))
        try await Waiting.until("\(name) \(what)", within: Lab.patience) { () async -> Waiting.Look in
            let answer = await client.ask()
            return isWanted(answer) ? .done : .notYet(answer.description)
        }
    }

    /// Waits until the lab is as wanted, in every respect that the test is about.
    ///
    /// A single look may find a member that is too busy to answer in time, or in the middle of an election.
    @discardableResult
    func wait(
        for verdict: LabStatus.Verdict,
        _ isWanted: (LabStatus) -> Bool = { _ in true }
    ) async throws -> LabStatus {
        var last: LabStatus?
        try await Waiting.until("the lab is \(verdict)", within: Lab.patience) { () async -> Waiting.Look in
            last = try? await self.status()
            guard let last else {
                return .notYet("no status")
            }
            return last.verdict == verdict && isWanted(last) ? .done : .notYet(last.text)
        }
        return try #require(last)
    }
}
