// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite struct EvalTests {
    private static let folder = NSTemporaryDirectory() + "selfheal-eval-\(UUID().uuidString)"

    private func value(_ words: String...) async throws -> NSDictionary {
        let outcome = try await Selfheal.run(["eval", "--format", "json"] + words)
        #expect(outcome.status == 0, "\(outcome)")
        let json = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
        return try #require(json as? NSDictionary)
    }

    @Test func `a value is printed with its type`() async throws {
        let outcome = try await Selfheal.run("eval", "[1, 2].map(x, x * 2)")
        #expect(outcome.status == 0)
        #expect(outcome.output == "[2, 4]\nlist(int)\n")
    }

    @Test func `every type has its encoding`() async throws {
        let cases: [(String, NSDictionary)] = [
            ("-9223372036854775808", ["type": "int", "value": "-9223372036854775808"]),
            ("18446744073709551615u", ["type": "uint", "value": "18446744073709551615"]),
            ("1.5", ["type": "double", "value": 1.5]),
            ("0.0 / 0.0", ["type": "double", "value": "NaN"]),
            ("-1.0 / 0.0", ["type": "double", "value": "-Infinity"]),
            ("b'\\xff\\x00'", ["type": "bytes", "value": "/wA="]),
            ("timestamp('2024-01-01T01:00:00+01:00')", ["type": "timestamp", "value": "2024-01-01T00:00:00Z"]),
            ("duration('1500ms')", ["type": "duration", "value": "1.5s"]),
            ("null", ["type": "null", "value": NSNull()]),
            ("type(1)", ["type": "type", "value": "int"]),
            ("true", ["type": "bool", "value": true]),
            (
                "{'a': [1u]}",
                [
                    "type": "map",
                    "value": [
                        [
                            "key": ["type": "string", "value": "a"],
                            "value": ["type": "list", "value": [["type": "uint", "value": "1"]]],
                        ]
                    ],
                ]
            ),
        ]
        for (expression, expected) in cases {
            #expect(try await self.value("--", expression) == expected, "\(expression)")
        }
    }

    @Test func `names come from a file, plain or with their types, and what is printed can be read again`() async throws
    {
        let plain = try Selfheal.write(
            "nodes: [{name: zk1, serving: true}, {name: zk2, serving: false}]\nlimit: 1\nshare: 0.5\n",
            "plain.yaml",
            in: Self.folder
        )
        let outcome = try await Selfheal.run(
            "eval",
            "--bindings",
            plain,
            "size(nodes.filter(n, n.serving)) >= limit && share < 1.0"
        )
        #expect(outcome.output == "true\nbool\n", "\(outcome)")

        let expression = "[1u, 2.5, b'x', {1: duration('2s')}, timestamp(0), optional.of(3), type('')]"
        let printed = try await Selfheal.run("eval", "--format", "json", expression)
        let typed = try Selfheal.write("{\"x\": \(printed.output)}", "typed.json", in: Self.folder)
        let again = try await Selfheal.run(
            "eval",
            "--bindings",
            typed,
            "x == \(expression) && x[3][1] > duration('1s')"
        )
        #expect(again.output == "true\nbool\n", "\(again)")
    }

    @Test func `a mistake is a diagnostic, and the status is 1`() async throws {
        let wrong = try await Selfheal.run("eval", "1 + 'a'")
        #expect(wrong.status == 1)
        #expect(wrong.output.isEmpty)
        #expect(wrong.complaint.hasPrefix("expression:1:1: error[RB0307]: '+' cannot be applied to int and string"))

        let pattern = try await Selfheal.run("eval", "'abc'.matches('a(b')")
        #expect(pattern.complaint.hasPrefix("expression:1:17: error[RB0309]: '(' is never closed"))

        let error = try await Selfheal.run("eval", "--format", "json", "[1][2]")
        #expect(error.status == 1)
        let json = try JSONSerialization.jsonObject(with: Data(error.output.utf8)) as? [NSDictionary]
        #expect(json?.first?["code"] as? String == "RB0310")

        let path = try Selfheal.write("x: {type: int, value: many}\n", "wrong.yaml", in: Self.folder)
        let binding = try await Selfheal.run("eval", "--bindings", path, "x")
        #expect(binding.status == 1)
        #expect(binding.complaint.contains("wrong.yaml:1:23: error[RB0311]: 'many' is no value of type int"))

        let missing = try await Selfheal.run("eval", "--bindings", "\(Self.folder)/none.yaml", "1")
        #expect(missing.status == 1)
        #expect(missing.complaint.contains("RB0100"))
    }
}
