// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunbookSource
import RunbookYAML
import Testing

@Suite struct DiagnosticPageTests {
    /// Numbers whose example cannot be shown in a page, or needs more than one file to go wrong.
    static let shownInWords: Set<UInt16> = [2, 3, 4, 5, 6, 7, 9, 20, 33, 40]

    // Goal: a page shows the mistake that it explains, and its fix is one.
    // Method: read the first example of every page of this module, then the one behind the fix.
    @Test func `every page's example gives its diagnostic, and its fix gives none`() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../docs/diagnostics").standardizedFileURL
        for number in Array(UInt16(1)...33) + [40] {
            let code = Diagnostic.Code(number)
            let page = try String(contentsOf: folder.appending(path: "\(code).md"), encoding: .utf8)
            #expect(page.hasPrefix("# \(code): "))
            #expect(page.contains("\n## What it means\n") && page.contains("\n## The fix\n"))
            let examples = page.components(separatedBy: "```yaml\n").dropFirst().map {
                $0.components(separatedBy: "```")[0]
            }
            guard examples.count == 2, !Self.shownInWords.contains(number) else {
                #expect(Self.shownInWords.contains(number), "\(code) has no example and fix")
                continue
            }
            let features: YAMLFeatures = number == 17 ? .configuration : .runbook
            func codes(_ text: String) -> [Diagnostic.Code] {
                YAMLDocument.parse(SourceFile(path: "p", text: text), features: features).diagnostics.map(\.code)
            }
            #expect(codes(examples[0]) == [code])
            #expect(codes(examples[1]) == [], "the fix of \(code)")
        }
    }
}
