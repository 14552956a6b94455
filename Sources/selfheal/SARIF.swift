// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookSource

/// Diagnostics as a SARIF 2.1.0 log, which code hosts and review tools read.
enum SARIF {
    static func log(
        _ diagnostics: [Diagnostic],
        files: [SourceFile],
        version: String,
        page: (Diagnostic.Code) -> String?
    ) -> JSON {
        let codes = Set(diagnostics.map(\.code)).sorted { $0.number < $1.number }
        let rules = codes.map { self.rule($0, page: page($0)) }
        let byPath = Dictionary(files.map { ($0.path, $0) }) { first, _ in first }
        let results = diagnostics.map { diagnostic in
            self.result(diagnostic, ruleIndex: codes.firstIndex(of: diagnostic.code) ?? 0, byPath)
        }
        let driver: JSON = ["name": "selfheal", "version": .string(version), "rules": .array(rules)]
        return [
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
            "runs": [
                [
                    // Our columns count Unicode scalars, which is what the specification calls code points.
                    "columnKind": "unicodeCodePoints", "tool": ["driver": driver], "results": .array(results),
                ]
            ],
        ]
    }

    /// The first line of a page is a heading with the code and what the mistake is.
    private static func rule(_ code: Diagnostic.Code, page: String?) -> JSON {
        var members = [JSONMember("id", .string("\(code)"))]
        if let page {
            let heading = page.prefix { !$0.isNewline }.drop { $0 == "#" || $0 == " " }
            members.append(JSONMember("shortDescription", ["text": .string(String(heading))]))
            members.append(JSONMember("help", ["text": .string(page), "markdown": .string(page)]))
        }
        return .object(members)
    }

    private static func result(_ diagnostic: Diagnostic, ruleIndex: Int, _ files: [String: SourceFile]) -> JSON {
        let help = diagnostic.help.map { "\nhelp: \($0)" } ?? ""
        let notes = diagnostic.notes.filter { $0.span == nil }.map { "\nnote: \($0.message)" }.joined()
        var members = [
            JSONMember("ruleId", .string("\(diagnostic.code)")), JSONMember("ruleIndex", .int(Int64(ruleIndex))),
            JSONMember("level", .string(diagnostic.severity.rawValue)),
            JSONMember("message", ["text": .string(diagnostic.message + notes + help)]),
            JSONMember("locations", .array([["physicalLocation": self.place(diagnostic.span)]])),
        ]
        // The published schema wants each of them once.
        var seen: Set<Diagnostic.Note> = []
        let related = diagnostic.notes.filter { seen.insert($0).inserted }.compactMap { note -> JSON? in
            note.span.map { ["physicalLocation": self.place($0), "message": ["text": .string(note.message)]] }
        }
        if !related.isEmpty {
            members.append(JSONMember("relatedLocations", .array(related)))
        }
        if let word = diagnostic.slip?.meant, !diagnostic.span.isWholeFile {
            members.append(JSONMember("fixes", [self.fix(diagnostic.span, word)]))
        }
        return .object(members)
    }

    private static func fix(_ span: SourceSpan, _ word: String) -> JSON {
        let replacement: JSON = ["deletedRegion": self.region(span), "insertedContent": ["text": .string(word)]]
        return [
            "description": ["text": .string("write '\(word)'")],
            "artifactChanges": [
                ["artifactLocation": ["uri": .string(self.uri(span.path))], "replacements": [replacement]]
            ],
        ]
    }

    private static func place(_ span: SourceSpan) -> JSON {
        var members = [JSONMember("artifactLocation", ["uri": .string(self.uri(span.path))])]
        if !span.isWholeFile {
            members.append(JSONMember("region", self.region(span)))
        }
        return .object(members)
    }

    private static func region(_ span: SourceSpan) -> JSON {
        [
            "startLine": .int(Int64(span.start.line)), "startColumn": .int(Int64(span.start.column)),
            "endLine": .int(Int64(span.end.line)), "endColumn": .int(Int64(span.end.column)),
        ]
    }

    /// A path as a reference that is relative unless the path is absolute.
    private static func uri(_ path: String) -> String {
        var result = path.hasPrefix("/") ? "file://" : ""
        // A colon before the first slash would look like a scheme.
        if !path.hasPrefix("/"), let colon = path.firstIndex(of: ":"), !path[..<colon].contains("/") {
            result += "./"
        }
        for byte in path.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: ":"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += digits.count < 2 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return result
    }
}
