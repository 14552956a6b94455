// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import Glibc

/// Measures expressions beside the same condition written in Swift, in the same process, in turn.
///
/// Prints one line of JSON: medians of some rounds, in nanoseconds, and the ratios between them.
@main
enum ExpressionBenchmark {
    private static let condition = "size(ensemble.filter(n, n.serving && n.mode != 'observer')) < quorum(ensemble)"
    private static let rounds = 7
    private static let repetitions = 20_000

    static func main() throws {
        let nodes = (1...5).map { Self.node("zk\($0)", isServing: $0 > 3) }
        let activation = CELActivation(["ensemble": .list(nodes)])
        let environment = Self.environment
        guard let expression = CELExpression.parse(self.condition).0,
            let search = CELExpression.parse("text.matches('^(GET|PUT) /[a-z]+/[0-9]+$')").0
        else {
            fatalError("the conditions are CEL")
        }
        let request = CELActivation(["text": .string("GET /brokers/12345")])
        var times: [String: [Double]] = [:]
        var answers = 0
        for _ in 0..<self.rounds {
            times["closure", default: []].append(self.time { answers += Self.written(nodes) ? 1 : 0 })
            times["evaluate", default: []].append(
                try self.time {
                    let value = try expression.evaluate(activation, hostFunctions: Self.functions)
                    answers += value == .bool(true) ? 1 : 0
                }
            )
            times["parse", default: []].append(
                self.time { answers += CELExpression.parse(Self.condition).0 == nil ? 0 : 1 }
            )
            times["check", default: []].append(
                self.time { answers += expression.check(in: environment).1.isEmpty ? 1 : 0 }
            )
            times["matches", default: []].append(
                try self.time { answers += try search.evaluate(request) == .bool(true) ? 1 : 0 }
            )
        }
        guard answers == 5 * self.rounds * self.repetitions else {
            fatalError("an answer was wrong")
        }
        let median = times.mapValues { $0.sorted()[$0.count / 2] }
        let fields = median.sorted { $0.key < $1.key }.map { "\"\($0.key)_ns\":\(Int($0.value))" }
        let ratio = (median["evaluate"] ?? 0) / (median["closure"] ?? 1)
        let cost = ((median["parse"] ?? 0) + (median["check"] ?? 0)) / (median["evaluate"] ?? 1)
        let rate = Int(1e9 / (median["evaluate"] ?? 1))
        print("{\(fields.joined(separator: ",")),\"evaluations_s\":\(rate),", terminator: "")
        print("\"evaluate_per_closure\":\(Self.rounded(ratio)),\"parse_and_check_per_evaluate\":\(Self.rounded(cost))}")
    }

    private static func rounded(_ value: Double) -> Double {
        (value * 10).rounded() / 10
    }

    /// Nanoseconds for one call.
    private static func time(_ body: () throws -> Void) rethrows -> Double {
        let clock = ContinuousClock()
        let length = try clock.measure {
            for _ in 0..<self.repetitions {
                try body()
            }
        }
        return length / .nanoseconds(1) / Double(self.repetitions)
    }

    // MARK: The same, written by hand

    /// Looks fields up by name as an expression must, and does nothing else.
    private static func written(_ nodes: [CELValue]) -> Bool {
        var serving = 0
        for case .record(let node) in nodes where node["serving"] == .bool(true) && node["mode"] != .string("observer")
        {
            serving += 1
        }
        return serving < nodes.count / 2 + 1
    }

    private static func node(_ name: String, isServing: Bool) -> CELValue {
        .record(
            CELRecord(
                "node",
                identity: name,
                fields: [
                    .init("name", .string(name)), .init("serving", .bool(isServing)),
                    .init("mode", .string("follower")),
                    .init("zxid", .int(4_294_967_297)), .init("health", .string("up")),
                ]
            )
        )
    }

    private static let environment: CELEnvironment = {
        let node = CELRecordType(
            "node",
            fields: [
                .init("name", .string), .init("serving", .bool), .init("mode", .string), .init("zxid", .int),
                .init("health", .string),
            ]
        )
        return CELEnvironment(
            variables: ["ensemble": .list(.record(node))],
            functions: [.function("quorum", [.list(.record(node))], .int)]
        )
    }()

    private static let functions = CELHostFunctions { name, arguments throws(CELEvaluationError) in
        guard name == "quorum", case .list(let nodes) = arguments.first else {
            return nil
        }
        return .int(Int64(nodes.count / 2 + 1))
    }
}
