// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunPlan
import RunVocabulary
import Testing

@Suite struct ShippedRunbookTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../runbooks")
        .standardizedFileURL

    static let names: [String] = {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
        return all.filter { $0.hasSuffix(".yaml") && !$0.hasSuffix(".test.yaml") }.sorted()
    }()

    @Test func `there are some`() {
        #expect(!Self.names.isEmpty)
    }

    @Test(arguments: Self.names)
    func `a runbook that is shipped has nothing wrong, and its plan survives JSON`(name: String) throws {
        let text = try String(contentsOf: Self.folder.appending(path: name), encoding: .utf8)
        let plan = try plan(of: text, path: name)
        #expect(plan.runbook == name.dropLast(".yaml".count))
        let read = try JSONDecoding.decode(Plan.self, from: try JSONEncoding.encode(plan))
        #expect(read == plan)
        #expect(read.digest == plan.digest)
    }
}
