// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

/// Everything against real processes, one after the other; `make test` asks for it.
@Suite(.serialized, .enabled(if: getenv("SELFHEAL_INTEGRATION") != nil, "make test runs it"))
enum IntegrationTests {}

/// The practice cluster of a suite, in a folder of its own.
struct SharedLab: Sendable {
    @TaskLocal static var current: SharedLab?

    let folder: String

    var configuration: String { "\(self.folder)/selfheal.yaml" }

    /// What the hosts were asked, from a moment on.
    var ledger: [String] {
        let text = (try? String(contentsOfFile: "\(self.folder)/ledger", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { line in
            line.split(separator: " ").dropFirst().joined(separator: " ")
        }
    }

    /// The configuration with some of its text exchanged, in a file beside it and with a store of its own.
    ///
    /// - Returns: the path of the new configuration.
    func configuration(_ name: String, replacing changes: [String: String] = [:]) throws -> String {
        var text = try String(contentsOfFile: self.configuration, encoding: .utf8)
        for (old, new) in changes {
            try #require(text.contains(old), "the lab's configuration has no '\(old)':\n\(text)")
            text = text.replacingOccurrences(of: old, with: new)
        }
        text = text.replacingOccurrences(of: "\(self.folder)/store", with: "\(self.folder)/store-\(name)")
        return try Selfheal.write(text, "\(name).yaml", in: self.folder)
    }

    func runbook(_ name: String, _ steps: String, head: String = "") throws -> String {
        let text = """
            runbook: \(name)
            title: A test
            severity: warning
            owner: us
            \(head)
            targets:
              ensemble: { role: zookeeper }
              brokers: { role: kafka_broker }
            steps:
            \(steps)

            """
        return try Selfheal.write(text, "\(name).yaml", in: "\(self.folder)/runbooks")
    }
}

/// Starts a practice cluster before a suite and takes it down afterwards.
struct LabTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        let folder = "/tmp/selfheal-it-\(UUID().uuidString.prefix(8))"
        let up = try await Selfheal.run("lab", "up", "--folder", folder)
        try #require(up.status == 0, "\(up)")
        do {
            try await SharedLab.$current.withValue(SharedLab(folder: folder)) {
                try await function()
            }
        } catch {
            _ = try await Selfheal.run("lab", "down", "--folder", folder)
            throw error
        }
        let down = try await Selfheal.run("lab", "down", "--folder", folder)
        #expect(down.status == 0, "\(down)")
    }
}

extension Trait where Self == LabTrait {
    /// One practice cluster for all tests of the suite.
    static var lab: LabTrait { LabTrait() }
}
