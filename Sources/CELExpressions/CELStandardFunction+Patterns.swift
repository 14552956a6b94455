// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELStandardFunction {
    static let patterns: [CELStandardFunction] = [
        // A constant pattern is read once, by the parser, and does not come here.
        CELStandardFunction([
            .method("matches", [.string, .string], .bool), .function("matches", [.string, .string], .bool),
        ]) { arguments, cost throws(CELEvaluationError) in
            guard case .string(let text) = arguments[0], case .string(let pattern) = arguments[1] else {
                return nil
            }
            let compiled: CELPattern
            do throws(CELPattern.Problem) {
                compiled = try CELPattern(pattern)
            } catch {
                throw CELEvaluationError(
                    .invalidArgument,
                    "'\(pattern.prefix(64))' is no regular expression: \(error.message)"
                )
            }
            try cost.spend(compiled.instructions.count / 4)
            return .bool(try compiled.isFound(in: text, &cost))
        }
    ]
}
