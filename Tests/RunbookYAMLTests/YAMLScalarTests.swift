// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML
import TestSupport
import Testing

@Suite struct YAMLScalarTests {
    static func scalar(_ text: String, _ style: YAMLScalar.Style = .plain) -> YAMLScalar {
        YAMLScalar(text: text, style: style, span: .wholeFile("s"))
    }

    @Test(arguments: [
        ("", YAMLScalar.Resolved.null), ("~", .null), ("null", .null), ("Null", .null), ("true", .bool(true)),
        ("False", .bool(false)), ("0", .int(0)), ("-12", .int(-12)), ("+12", .int(12)), ("0x1F", .int(31)),
        ("0o14", .int(12)), ("1.5", .double(1.5)), (".5", .double(0.5)), ("1.", .double(1)), ("-.5e3", .double(-500)),
        ("1.e3", .double(1_000)), ("1e3", .double(1_000)), ("0.10", .double(0.1)), (".inf", .double(.infinity)),
        ("-.INF", .double(-.infinity)), ("9223372036854775808", .double(9_223_372_036_854_775_808)),
    ])
    func `plain scalars follow the core schema`(text: String, resolved: YAMLScalar.Resolved) {
        #expect(Self.scalar(text).resolved == resolved)
        #expect(!Self.scalar(text).looksAmbiguous)
        #expect(Self.scalar(text, .doubleQuoted).resolved == .string(text))
    }

    @Test(arguments: [
        "yes", "no", "on", "off", "y", "NO", "010", "-010", "00", "1_000", "12:30:45", "190:20", "2026-01-31",
    ])
    func `what older readers take for something else is ambiguous text`(text: String) {
        #expect(Self.scalar(text).resolved == .string(text))
        #expect(Self.scalar(text).looksAmbiguous)
        #expect(!Self.scalar(text, .singleQuoted).looksAmbiguous)
    }

    @Test(arguments: [
        "text", "tRUE", "nULL", "0x", "0xG", "0x-1", "0o8", "0O1", "1.2.3", "1e", ".", "-", "+", "--1", "1-2", "e3",
        "_1",
        "30s", "10.0.0.1", "1..3", "role:sre", "a:1", "in", "-.", "1e999", "Yes sir", "5:", "::1", "nan", "inf",
    ])
    func `everything else is text that nobody doubts`(text: String) {
        #expect(Self.scalar(text).resolved == .string(text))
        #expect(!Self.scalar(text).looksAmbiguous)
    }

    @Test func `the warning says who would read it how`() {
        #expect(
            Diagnostic.ambiguousScalar(Self.scalar("no")).message
                == "'no' is text here, and a boolean to older YAML readers"
        )
    }
}
