// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

/// Reads the text of a parameter, from a default, from `--param` or from a label.
package enum ParameterText {
    /// Nothing when the text is no value of that kind.
    package static func fact(_ text: String, of kind: PlanParameter.Kind) -> Fact? {
        switch kind {
        case .string: .string(text)
        case .int: Int64(text).map { .int($0) }
        case .bool: text == "true" ? .bool(true) : text == "false" ? .bool(false) : nil
        case .duration: Milliseconds(text: text).map { .span($0) }
        case .choice(let values): values.contains(text) ? .string(text) : nil
        // It is given by saying where it is found.
        case .secret: nil
        }
    }
}

extension PlanParameter.Kind {
    /// What a value looks like, for a message.
    package var example: String {
        switch self {
        case .string: "text"
        case .int: "a whole number"
        case .bool: "true or false"
        case .duration: "a duration such as 30s"
        case .choice(let values): "one of \(values.joined(separator: ", "))"
        case .secret: "a place where it is found: ${VARIABLE} or ${file:PATH}"
        }
    }
}
