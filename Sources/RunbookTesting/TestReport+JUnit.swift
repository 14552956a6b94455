// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunSimulator
import RunVocabulary
import RunbookSource

/// The report as continuous integration servers read it.
extension TestReport {
    /// Times are those of the rehearsals, in virtual seconds, so that the same tests give the same bytes.
    package var junit: String {
        var lines = [
            #"<?xml version="1.0" encoding="UTF-8"?>"#,
            "<testsuites tests=\"\(self.cases.count)\" failures=\"\(self.failed)\" errors=\"\(self.errors)\">",
        ]
        for file in self.files {
            lines += file.suite
        }
        return (lines + ["</testsuites>", ""]).joined(separator: "\n")
    }

    private var errors: Int {
        self.files.count { !$0.mistakes.isEmpty }
    }
}

extension TestReport.FileReport {
    fileprivate var suite: [String] {
        let failures = self.cases.count { !$0.isPassed }
        let errors = self.mistakes.isEmpty ? 0 : 1
        var lines = [
            "  <testsuite name=\"\(self.path.escaped)\" tests=\"\(self.cases.count + errors)\""
                + " failures=\"\(failures)\" errors=\"\(errors)\">"
        ]
        if let mistake = self.mistakes.first {
            let place = "\(mistake.span.path):\(mistake.span.start.line)"
            lines.append("    <testcase classname=\"\(self.path.escaped)\" name=\"the file\" time=\"0\">")
            lines.append("      <error message=\"\(place.escaped): \(mistake.message.escaped)\"/>")
            lines.append("    </testcase>")
        }
        for test in self.cases {
            lines += test.testCase(self.path)
        }
        return lines + ["  </testsuite>"]
    }
}

extension CaseReport {
    fileprivate func testCase(_ path: String) -> [String] {
        let length = self.result.duration ?? .zero
        let seconds = "\(length.count / 1_000).\(String(1_000 + length.count % 1_000).dropFirst())"
        let head =
            "    <testcase classname=\"\(path.escaped)\" name=\"\(self.name.value.escaped)\" file=\"\(path.escaped)\""
            + " line=\"\(self.name.span.start.line)\" time=\"\(seconds)\""
        guard let first = self.failures.first else {
            return [head + "/>"]
        }
        let places = self.failures.map { "\($0.span.path):\($0.span.start.line): \($0.message)" }
        let text = (places + [""] + self.comparison.table).joined(separator: "\n")
        return [
            head + ">", "      <failure message=\"\(first.message.escaped)\">\(text.escaped)</failure>",
            "    </testcase>",
        ]
    }
}

extension String {
    /// For an attribute or text of XML; characters that XML does not have become the one that stands for them.
    fileprivate var escaped: String {
        var escaped = ""
        for scalar in self.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\n", "\t": escaped.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF: escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
