// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELStandardFunction {
    private static let content = CELType.parameter("T")
    private static let optional = CELType.optional(content)

    static let optionals: [CELStandardFunction] = [
        CELStandardFunction([.function("optional.none", [], optional)]) { _, _ throws(CELEvaluationError) in
            .optional(nil)
        },
        CELStandardFunction([.function("optional.of", [content], optional)]) {
            arguments,
            _ throws(CELEvaluationError) in .optional(arguments[0])
        },
        CELStandardFunction([.function("optional.ofNonZeroValue", [content], optional)]) {
            arguments,
            _ throws(CELEvaluationError) in .optional(arguments[0].isZero ? nil : arguments[0])
        },
        CELStandardFunction([.method("hasValue", [optional], .bool)]) { arguments, _ throws(CELEvaluationError) in
            guard case .optional(let value) = arguments[0] else {
                return nil
            }
            return .bool(value != nil)
        },
        CELStandardFunction([.method("value", [optional], content)]) { arguments, _ throws(CELEvaluationError) in
            guard case .optional(let value) = arguments[0] else {
                return nil
            }
            guard let value else {
                throw CELEvaluationError(
                    .invalidArgument,
                    "the optional has no value",
                    help: "ask with hasValue(), or give another value with orValue(…)"
                )
            }
            return value
        },
        // The evaluator answers both before it gets here, unless the receiver is no optional.
        CELStandardFunction([.method("or", [optional, optional], optional)]) { _, _ throws(CELEvaluationError) in nil },
        CELStandardFunction([.method("orValue", [optional, content], content)]) { _, _ throws(CELEvaluationError) in nil
        },
        unwrapping([.function("optional.unwrap", [.list(optional)], .list(content))]),
        unwrapping([.method("unwrapOpt", [.list(optional)], .list(content))]),
    ]

    /// The values of the optionals that have one.
    private static func unwrapping(_ overloads: [CELFunctionDeclaration]) -> CELStandardFunction {
        CELStandardFunction(overloads) { arguments, cost throws(CELEvaluationError) in
            guard case .list(let elements) = arguments[0] else {
                return nil
            }
            try cost.spend(elements.count)
            if let unknown = Self.unknownElement(of: elements) {
                return .unknown(unknown)
            }
            var values: [CELValue] = []
            for element in elements {
                guard case .optional(let value) = element else {
                    return nil
                }
                value.map { values.append($0) }
            }
            return .list(values)
        }
    }
}
