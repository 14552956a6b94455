// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension IntegrationTests {
    @Suite struct StoryTests {
        @Test(arguments: ["quorum", "data"])
        func `the whole story is told unattended, and nothing is left behind`(story: String) async throws {
            let folder = "/tmp/selfheal-it-\(UUID().uuidString.prefix(8))"
            let demo = try await Selfheal.run("lab", "demo", "--story", story, "--take-down", "--folder", folder)
            #expect(demo.status == 0, "\(demo)")
            #expect(demo.complaint.contains("healthy: one leader, 3 of 3 serving"))
            #expect(demo.output.contains("succeeded"))
            #expect(!FileManager.default.fileExists(atPath: folder))
            _ = try await Selfheal.run("lab", "down", "--folder", folder)
        }

        // Goal: no step is repeated, lost or misreported, however often the engine is killed.
        // Method: scripts/torture, which compares the journal with the ledger of the hosts.
        @Test func `an engine that is killed twenty times, and after each record, tells the truth`() async throws {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "\(Selfheal.repository)/scripts/torture")
            process.arguments = ["20", "--each-record", "--binary", Selfheal.path]
            let output = Pipe()
            process.standardOutput = output
            process.standardError = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationStatus == 0, "\(text)")
        }
    }
}
