// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

extension IntegrationTests {
    /// What we say beside what happened, while the engine, the network and the hosts are in trouble; `make torture` does it for longer.
    @Suite struct TortureTests {
        private func torture(_ arguments: String...) throws -> (status: Int32, text: String) {
            let folder = "/tmp/selfheal-it-\(UUID().uuidString.prefix(8))"
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "\(Selfheal.repository)/scripts/torture")
            process.arguments = arguments + ["--folder", folder, "--binary", Selfheal.path]
            let output = Pipe()
            process.standardOutput = output
            process.standardError = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            return (process.terminationStatus, text)
        }

        // Goal: nothing is repeated, lost or misreported.
        // Method: scripts/torture compares the journal with the ledgers of a practice cluster whose engine is killed at random, and of hosts
        // that are in each trouble it knows; their engine is also killed after each of its records.
        @Test func `whatever is killed, cut, frozen, rebooted or full, what we say is what happened`() throws {
            let outcome = try self.torture("4", "--hosts", "1", "--records", "hosts")
            #expect(outcome.status == 0, "\(outcome.text)")
            #expect(outcome.text.contains("Acts repeated, lost or misreported: none"), "\(outcome.text)")
        }

        // Goal: the above would notice.
        // Method: on the way into the hosts' shells a fault is planted in the wrapper; the seeds choose trials in which it must show.
        @Test(arguments: [
            ("claim dropped", "start comes late", "2"),
            ("never said", "engine killed", "17"),
        ])
        func `a fault that is planted in the wrapper is found`(fault: String, trouble: String, seed: String) throws {
            let outcome = try self.torture(
                "0",
                "--hosts",
                "2",
                "--only",
                trouble,
                "--fault",
                fault,
                "--seed",
                seed
            )
            #expect(outcome.status == 1, "\(outcome.text)")
            #expect(outcome.text.contains("'not sent' and it happened: once"), "\(outcome.text)")
        }
    }
}
