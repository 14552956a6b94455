// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import RunCore

@Suite struct OutputShareTests {
    private static func report(_ text: String, limit: Int) -> CommandReport {
        CommandReport(.exited(status: 0), standardOutput: text, standardError: "e").bounded(to: limit)
    }

    @Test func `one command keeps what it may, and many share`() {
        #expect(CommandReport.share(of: 0) == CommandReport.outputLimit)
        #expect(CommandReport.share(of: 64) == CommandReport.outputLimit)
        for targets in [65, 1_000, 9_999, 5_000_000] {
            #expect(CommandReport.share(of: targets) * targets * 2 <= CommandReport.stepLimit)
        }
    }

    @Test func `beginning and end are kept, no character is cut, and it is said`() {
        let text = String(repeating: "äöü€😀", count: 100)
        for limit in 0...120 {
            let report = Self.report(text, limit: limit)
            #expect(report.standardOutput.utf8.count <= limit)
            #expect(report.isOutputCut)
            #expect(!report.standardOutput.contains("\u{FFFD}"))
        }
        let report = Self.report(text, limit: 50)
        #expect(report.standardOutput.hasPrefix("äö") && report.standardOutput.hasSuffix("😀"))
        #expect(report.standardOutput.contains(CommandReport.gap))
        #expect(!Self.report("short", limit: 50).isOutputCut)
    }
}
