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
            // Nobody told the daemon: it saw a node go, and somebody let the run begin.
            #expect(demo.complaint.contains("is down") && demo.complaint.contains("begins: 'size(ensemble"))
            #expect(demo.complaint.contains("may_it_start succeeded"))
            #expect(!FileManager.default.fileExists(atPath: folder))
            _ = try await Selfheal.run("lab", "down", "--folder", folder)
        }
    }
}
