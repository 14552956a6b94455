// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A text with expressions in it: `restart ${{ node.name }} now`.
///
/// `$${{` stands for a literal `${{`. Ranges are UTF-8 byte offsets into the template's text.
package struct CELTemplate: Hashable, Sendable {
    package enum Part: Hashable, Sendable {
        case literal(String)
        case expression(Interpolation)
    }

    package struct Interpolation: Hashable, Sendable {
        package let expression: CELExpression
        /// Where the expression's own offset 0 is in the template.
        package let offset: Int
        /// From `${{` to `}}`, both included.
        package let range: Range<Int>
    }

    package let text: String
    package let parts: [Part]

    package var interpolations: [Interpolation] {
        self.parts.compactMap {
            if case .expression(let interpolation) = $0 {
                return interpolation
            }
            return nil
        }
    }

    /// The expression of a template that is nothing else, whose value then keeps its type.
    package var soleExpression: CELExpression? {
        guard self.parts.count == 1, case .expression(let interpolation) = self.parts[0] else {
            return nil
        }
        return interpolation.expression
    }

    /// The text of a template without expressions, unescaped.
    package var soleLiteral: String? {
        guard self.parts.count <= 1 else {
            return nil
        }
        switch self.parts.first {
        case nil: return ""
        case .literal(let text): return text
        case .expression: return nil
        }
    }

    /// The template, or `nil` and at least one problem.
    package static func parse(_ text: String) -> (CELTemplate?, [CELProblem]) {
        // Most words of commands have nothing in them.
        guard text.utf8.contains(UInt8(ascii: "$")) else {
            return (CELTemplate(text: text, parts: text.isEmpty ? [] : [.literal(text)]), [])
        }
        var parser = CELTemplateParser(text)
        let parts = parser.parse()
        guard parser.problems.isEmpty else {
            return (nil, Array(parser.problems.prefix(CELLimits.problems)))
        }
        return (CELTemplate(text: text, parts: parts), [])
    }

    /// What is wrong with the expressions, with ranges in the template.
    package func check(in environment: CELEnvironment) -> [CELProblem] {
        self.interpolations.flatMap { interpolation in
            interpolation.expression.check(in: environment).1.map { $0.shifted(by: interpolation.offset) }
        }
    }

    /// The text with every expression's value in its place, or `.unknown` if one of them is not known.
    ///
    /// An error's range is in the template. `costLimit` is for each expression.
    package func evaluate(
        _ activation: CELActivation,
        hostFunctions: CELHostFunctions = .none,
        costLimit: Int = CELLimits.defaultCost
    ) throws(CELEvaluationError) -> CELValue {
        var result = ""
        var unknown: CELUnknown?
        for part in self.parts {
            switch part {
            case .literal(let text):
                result += text
            case .expression(let interpolation):
                do throws(CELEvaluationError) {
                    let value = try interpolation.expression.evaluate(
                        activation,
                        hostFunctions: hostFunctions,
                        costLimit: costLimit
                    )
                    if let reason = value.uncertainty {
                        unknown = CELUnknown.merged(unknown, reason)
                    }
                    result += value.text
                } catch {
                    var moved = error
                    moved.range = error.range.map {
                        ($0.lowerBound + interpolation.offset)..<($0.upperBound + interpolation.offset)
                    }
                    throw moved
                }
            }
        }
        return unknown.map { .unknown($0) } ?? .string(result)
    }
}

/// Cuts a template into its parts.
private struct CELTemplateParser {
    private let bytes: [UInt8]
    private var position = 0
    private var literal: [UInt8] = []
    private var parts: [CELTemplate.Part] = []
    private(set) var problems: [CELProblem] = []

    private static let opening = Array("${{".utf8)
    private static let escapedOpening = Array("$${{".utf8)
    private static let closing = Array("}}".utf8)

    init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    mutating func parse() -> [CELTemplate.Part] {
        while self.position < self.bytes.count {
            if self.bytes[self.position...].starts(with: Self.escapedOpening) {
                self.literal += Self.opening
                self.position += Self.escapedOpening.count
            } else if self.bytes[self.position...].starts(with: Self.opening) {
                self.parseInterpolation()
            } else {
                self.literal.append(self.bytes[self.position])
                self.position += 1
            }
        }
        self.flush()
        return self.parts
    }

    private mutating func flush() {
        guard !self.literal.isEmpty else {
            return
        }
        self.parts.append(.literal(String(decoding: self.literal, as: UTF8.self)))
        self.literal = []
    }

    private mutating func parseInterpolation() {
        let start = self.position
        let offset = start + Self.opening.count
        guard let end = self.end(from: offset) ?? self.firstClosing(from: offset) else {
            self.problems.append(
                CELProblem(
                    .template,
                    "'${{' is never closed",
                    at: start..<offset,
                    help: "add '}}' behind the expression, or write '$${{' for the characters themselves"
                )
            )
            self.position = self.bytes.count
            return
        }
        self.position = end + Self.closing.count
        let text = String(decoding: self.bytes[offset..<end], as: UTF8.self)
        let (expression, found) = CELExpression.parse(text)
        self.problems += found.map { $0.shifted(by: offset) }
        guard let expression else {
            return
        }
        self.flush()
        let range = start..<self.position
        self.parts.append(.expression(.init(expression: expression, offset: offset, range: range)))
    }

    /// The `}}` that is neither in a string nor closes maps.
    private func end(from start: Int) -> Int? {
        var index = start
        var level = 0
        while index < self.bytes.count {
            // A prefix such as the `r` of `r'…'` counts only where a word could begin.
            let isInsideWord = index > start && self.bytes[index - 1].isIdentifierPart
            if !isInsideWord || !self.bytes[index].isIdentifierPart,
                let opening = CELStringLiteral.Opening(self.bytes, at: index)
            {
                var literal = CELStringLiteral(self.bytes, opening: opening)
                index = literal.read()
                guard literal.problems.allSatisfy({ !$0.message.hasSuffix("never closed") }) else {
                    return nil
                }
                continue
            }
            switch self.bytes[index] {
            case UInt8(ascii: "{"):
                level += 1
            case UInt8(ascii: "}") where level > 0:
                level -= 1
            case UInt8(ascii: "}"):
                return self.bytes[index...].starts(with: Self.closing) ? index : nil
            default:
                break
            }
            index += 1
        }
        return nil
    }

    /// Where an expression with a mistake in its strings or braces probably ends; the parser will say what is wrong.
    private func firstClosing(from start: Int) -> Int? {
        guard start + Self.closing.count <= self.bytes.count else {
            return nil
        }
        return (start...(self.bytes.count - Self.closing.count)).first {
            self.bytes[$0...].starts(with: Self.closing)
        }
    }
}
