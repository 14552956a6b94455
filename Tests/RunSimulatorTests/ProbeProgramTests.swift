// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunVocabulary
import Testing

// Goal: the shell texts by which shipped runbooks look at hosts tell what their comments say they tell.
// Method: each is taken out of the compiled plan and run beside programs that print what Kafka's own would.
@Suite struct ProbeProgramTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var runbook: String
        var program: String
        var arguments: [String]
        /// What Kafka's program prints, whichever it is.
        var prints = ""
        var status: Int32
        var says: String

        var testDescription: String { "\(self.program) \(self.arguments) → \(self.status)" }
    }

    private static let reassignments = "Current partition reassignments:\\nt-0: replicas: 1,2,4."
    private static let table = """
        GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID\\n\
        billing orders 0 100 150 50 - - -\\nbilling orders 1 - 10 - - - -\\nbilling orders 2 5 12 7 - - -
        """
    private static let complaints = """
        \\tTopic: t\\tPartition: 0\\tLeader: 1\\tReplicas: 1,2,3\\tIsr: 1,3\\tElr: \\tLastKnownElr: \\n\
        \\tTopic: t\\tPartition: 1\\tLeader: 3\\tReplicas: 2,3,12\\tIsr: 3,12
        """

    private static func state(_ word: String) -> String {
        "GROUP COORDINATOR (ID) ASSIGNMENT-STRATEGY STATE #MEMBERS\\nbilling k2:9092 (2) range \(word) 2"
    }

    static let cases: [Case] = [
        .looks("rolling_restart_kafka", "no-moves", "No partition reassignments found.", 0),
        .looks("rolling_restart_kafka", "no-moves", reassignments, 1),
        .looks("under_replicated_partitions", "no-moves", "", 1),
        .looks("under_replicated_partitions", "missed-by-all", complaints, 0, says: "missed by 2 of 2 partitions\n2"),
        .looks("under_replicated_partitions", "missed-by-all", complaints + "\\n\\tReplicas: 1,3\\tIsr: 1", 1),
        .looks("under_replicated_partitions", "missed-by-all", "", 3),
        .looks("consumer_lag", "lag-within", table, 0, ["billing", "57"], says: "57"),
        .looks("consumer_lag", "lag-within", table, 1, ["billing", "56"], says: "57"),
        .looks("consumer_lag", "lag-shrinks", table, 1, ["billing", "50"], says: "57"),
        .looks("consumer_lag", "lag-within", "Error: Consumer group 'billing' does not exist.", 3, ["billing", "9"]),
        .looks("consumer_lag", "group-state", state("Stable"), 0, ["billing"]),
        .looks("consumer_lag", "group-state", state("Empty"), 1, ["billing"]),
        .looks("consumer_lag", "group-state", state("PreparingRebalance"), 4, ["billing"]),
        .looks("consumer_lag", "group-state", state("Fine"), 2, ["billing"]),
        .looks("consumer_lag", "group-is-stable", state("Stable"), 0, ["billing"]),
        .looks("consumer_lag", "group-is-stable", state("Empty"), 1, ["billing"]),
        Case(runbook: "broker_disk_full", program: "has-room", arguments: ["/", "101"], status: 0, says: "% used"),
        Case(runbook: "broker_disk_full", program: "has-room", arguments: ["/", "0"], status: 1, says: "% used"),
        Case(runbook: "broker_disk_full", program: "has-room", arguments: ["/nowhere", "50"], status: 2, says: ""),
        Case(runbook: "kraft_quorum_loss", program: "metadata-log", arguments: ["/nowhere"], status: 2, says: ""),
        Case(
            runbook: "kraft_quorum_loss",
            program: "metadata-log",
            arguments: ["."],
            status: 1,
            says: "never formatted"
        ),
    ]

    @Test(arguments: cases)
    func `a program tells what its runbook believes`(one: Case) throws {
        try Self.withFolder { folder in
            for name in ["kafka-reassign-partitions", "kafka-topics", "kafka-consumer-groups"] {
                try Self.write("#!/bin/sh\nprintf '\(one.prints)\\n'\n", folder, "\(name).sh")
            }
            let arguments = one.arguments.map { $0 == "BIN" ? folder.path() : $0 }
            let (status, output) = try Self.run(one.runbook, one.program, arguments, in: folder)
            #expect(status == one.status, "\(output)")
            #expect(one.says.isEmpty || output.contains(one.says), "\(output)")
        }
    }

    @Test func `whether Kafka's program is missing is not known to be an answer`() throws {
        try Self.withFolder { folder in
            for (runbook, program) in [
                ("rolling_restart_kafka", "no-moves"), ("consumer_lag", "lag-within"), ("consumer_lag", "group-state"),
                ("under_replicated_partitions", "missed-by-all"),
            ] {
                let (status, _) = try Self.run(runbook, program, [folder.path(), "b:1", "g", "1"], in: folder)
                #expect(status == 2, "\(program)")
            }
        }
    }

    @Test func `of two metadata logs the one with more in it sorts later`() throws {
        try Self.withFolder { folder in
            let log = folder.appending(path: "__cluster_metadata-0")
            try FileManager.default.createDirectory(at: log, withIntermediateDirectories: true)
            try Self.write("version=1\n", folder, "meta.properties")
            func look() throws -> String {
                let (status, output) = try Self.run("kraft_quorum_loss", "metadata-log", [folder.path()], in: folder)
                #expect(status == 0)
                return output
            }
            #expect(try Self.run("kraft_quorum_loss", "metadata-log", [folder.path()], in: folder).status == 1)
            try Self.write("", log, "00000000000000000000.log")
            let first = try look()
            try Self.write(String(repeating: "x", count: 2_000), log, "00000000000000000000.log")
            let longer = try look()
            try Self.write("", log, "00000000000000041290.log")
            let later = try look()
            try Self.write("{\"clusterId\":\"\",\"leaderId\":1,\"leaderEpoch\":12,\"votedId\":-1}", log, "quorum-state")
            let newer = try look()
            #expect([newer, first, later, longer].sorted() == [first, longer, later, newer])
        }
    }

    // MARK: Running

    private static func run(
        _ runbook: String,
        _ program: String,
        _ arguments: [String],
        in folder: URL
    ) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", try self.text(of: program, in: runbook), program] + arguments
        process.currentDirectoryURL = folder
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        // To the end first: a full pipe would keep it from ending.
        let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }

    /// The text behind `sh -c` of the probe that calls it so.
    private static func text(of program: String, in runbook: String) throws -> String {
        let plan = try Rehearsing.plan(runbook)
        let commands = plan.states.compactMap { _, state -> [Template]? in
            switch state.action {
            case .probe(let action): action.probe.sshWords
            case .wait(let action): action.probe.sshWords
            default: nil
            }
        }
        let words = commands.map { $0.map(\.text) }
        let found = words.first { $0.count > 3 && $0[0] == "sh" && $0[1] == "-c" && $0[3] == program }
        return try #require(found, "no probe of \(runbook) is called \(program)")[2]
    }

    private static func withFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "selfheal-programs-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    private static func write(_ text: String, _ folder: URL, _ name: String) throws {
        let file = folder.appending(path: name)
        try Data(text.utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path())
    }
}

extension ProbeProgramTests.Case {
    /// A look through one of Kafka's programs.
    fileprivate static func looks(
        _ runbook: String,
        _ program: String,
        _ prints: String,
        _ status: Int32,
        _ more: [String] = [],
        says: String = ""
    ) -> Self {
        Self(
            runbook: runbook,
            program: program,
            arguments: ["BIN", "localhost:9092"] + more,
            prints: prints,
            status: status,
            says: says
        )
    }
}

extension ProbeSpecification {
    fileprivate var sshWords: [Template]? {
        if case .ssh(let words) = self { words } else { nil }
    }
}
