// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import Testing

/// One row of a table: an expression and what comes of it.
struct Row: Sendable, CustomTestStringConvertible {
    let text: String
    /// The value as CEL would write it, or `error:` and the kind.
    let expected: String

    init(_ text: String, _ expected: String) {
        self.text = text
        self.expected = expected
    }

    var testDescription: String { self.text }
}

/// What comes of an expression, as a table writes it down.
func outcome(
    _ text: String,
    _ variables: [String: CELValue] = [:],
    hostFunctions: CELHostFunctions = .none,
    costLimit: Int = CELLimits.defaultCost
) -> String {
    let (expression, problems) = CELExpression.parse(text)
    guard let expression else {
        return "problem: " + problems.map(\.message).joined(separator: "; ")
    }
    do {
        let value = try expression.evaluate(
            CELActivation(variables),
            hostFunctions: hostFunctions,
            costLimit: costLimit
        )
        return value.cel
    } catch {
        return "error: \(error.kind.rawValue)"
    }
}

func failure(_ text: String, _ variables: [String: CELValue] = [:]) -> CELEvaluationError? {
    do {
        _ = try CELExpression.parse(text).0?.evaluate(CELActivation(variables))
        return nil
    } catch {
        return error
    }
}

/// The characters that a range of byte offsets encloses.
func slice(_ text: String, _ range: Range<Int>?) -> String? {
    range.map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) }
}

/// The nodes of a practice ensemble, and names for values that are not known.
enum Sample {
    static let unknown = CELValue.unknown(CELUnknown("zk2 was not observed: timed out"))
    static let otherUnknown = CELValue.unknown(CELUnknown("zk3 was not observed: refused"))

    static func node(
        _ name: String,
        serving: CELValue = .bool(true),
        zxid: CELValue = .int(0),
        zone: String = "a"
    ) -> CELValue {
        .record(
            CELRecord(
                "node",
                identity: name,
                fields: [
                    .init("name", .string(name)), .init("serving", serving), .init("zxid", zxid),
                    .init("zone", .string(zone)), .init("note", .null),
                ]
            )
        )
    }

    static let ensemble = CELValue.list([
        node("zk1", zxid: .int(30)),
        node("zk2", serving: .bool(false), zxid: .int(10), zone: "b"),
        node("zk3", zxid: .int(20), zone: "c"),
    ])

    /// `zk2` did not answer.
    static let doubtful = CELValue.list([
        node("zk1", zxid: .int(30)),
        node("zk2", serving: unknown, zxid: unknown, zone: "b"),
        node("zk3", serving: .bool(false), zxid: .int(20), zone: "c"),
    ])

    static let variables: [String: CELValue] = [
        "ensemble": ensemble, "doubtful": doubtful, "u": unknown, "v": otherUnknown, "t": .bool(true),
        "f": .bool(false), "one": .int(1), "text": .string("hello"),
        "m": .map(CELMap(strings: [("a", .int(1)), ("b", .int(2))])),
    ]

    static let nodeType = CELRecordType(
        "node",
        fields: [
            .init("name", .string), .init("serving", .bool), .init("zxid", .int), .init("zone", .string),
            .init("note", .string), .init("observed_at", .timestamp), .init("delay", .duration),
        ]
    )

    static let resultType = CELRecordType(
        "result",
        fields: [.init("target", .record(nodeType)), .init("epoch", .int), .init("data", .string)]
    )

    static let environment = CELEnvironment(
        variables: [
            "ensemble": .list(.record(nodeType)), "node": .record(nodeType), "count": .int, "ratio": .double,
            "text": .string, "flags": .map(.string, .bool), "numbers": .list(.int), "limit": .duration,
            "now": .timestamp, "anything": .dyn, "results": .list(.record(resultType)), "ports": .map(.int, .string),
            "steps": .map(.string, .dyn),
        ],
        functions: [
            .function("quorum", [.list(.record(nodeType))], .int),
            .function("best", [.list(.record(resultType))], .record(resultType)),
            .function("pick", [.list(.parameter("T")), .int], .parameter("T")),
            .method("isVoter", [.record(nodeType)], .bool),
        ]
    )

    static let hostFunctions = CELHostFunctions { name, arguments throws(CELEvaluationError) in
        switch (name, arguments.first) {
        case ("quorum", .list(let members)): return .int(Int64(members.count / 2 + 1))
        case ("quorum", _): throw CELEvaluationError(.hostFunction, "'quorum' needs a selection")
        default: return nil
        }
    }
}
