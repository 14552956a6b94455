// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Something the author of an expression should know.
///
/// Parsing and checking append problems and carry on; they do not throw. Wording follows one rule:
/// lower case, no full stop, the thing itself in quotes.
package struct CELProblem: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        /// The text is not CEL.
        case syntax
        /// A limit on length or nesting was reached.
        case limit
        case unknownName
        case unknownField
        case unknownFunction
        /// The function exists, but not for this number or these types of arguments.
        case wrongArguments
        /// An operand, a predicate or the whole expression has the wrong type.
        case wrongType
        /// A `${{ … }}` in a template is malformed.
        case template
        /// A constant regular expression that is none.
        case pattern
    }

    package var kind: Kind
    package var message: String
    /// UTF-8 byte offsets into the parsed text.
    package var range: Range<Int>
    /// Something the author can do.
    package var help: String?
    /// When the text at ``range`` is nearly a name that exists.
    package var slip: Slip?

    /// A name that is nearly another one.
    package struct Slip: Hashable, Sendable {
        package let written: String
        package let meant: String

        /// Ready to be the help of a problem.
        package var help: String { "did you mean '\(self.meant)'?" }
    }

    /// With a slip, the help is to write the name that was meant.
    package init(_ kind: Kind, _ message: String, at range: Range<Int>, help: String? = nil, slip: Slip? = nil) {
        self.kind = kind
        self.message = message
        self.range = range
        self.help = slip?.help ?? help
        self.slip = slip
    }

    /// The same problem for a text in which the expression begins at `offset`.
    package func shifted(by offset: Int) -> Self {
        var copy = self
        copy.range = (self.range.lowerBound + offset)..<(self.range.upperBound + offset)
        return copy
    }
}

/// Why an expression has no value.
///
/// `&&`, `||`, `all` and `exists` absorb errors when another operand decides the result, except
/// ``Kind/costExceeded``, which always ends the evaluation.
package struct CELEvaluationError: Error, Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        case unknownName
        case noSuchField
        case noSuchKey
        case noMatchingOverload
        case overflow
        case divisionByZero
        case indexOutOfRange
        case duplicateKey
        case invalidArgument
        /// The evaluation was stopped at its cost limit.
        case costExceeded
        /// A function of the host could not answer.
        case hostFunction
    }

    package var kind: Kind
    /// Lower case, no full stop, the thing itself in quotes.
    package var message: String
    /// UTF-8 byte offsets into the expression; `nil` only until the evaluator has filled it in.
    package var range: Range<Int>?
    package var help: String?

    package init(_ kind: Kind, _ message: String, at range: Range<Int>? = nil, help: String? = nil) {
        self.kind = kind
        self.message = message
        self.range = range
        self.help = help
    }

    func located(at range: Range<Int>) -> Self {
        guard self.range == nil else {
            return self
        }
        var copy = self
        copy.range = range
        return copy
    }
}

/// Limits on what is accepted; all are generous for people and tight for accidents.
package enum CELLimits {
    /// Most UTF-8 bytes of one expression.
    package static let textBytes = 65_536
    /// Deepest nesting of a syntax tree; operators in a row (`a + b + c`) nest, `&&` and `||` do not.
    package static let nesting = 200
    /// Most problems reported for one expression.
    package static let problems = 20
    /// Most reasons kept by one ``CELUnknown``.
    package static let unknownReasons = 8
    /// The cost limit when the caller names none.
    package static let defaultCost = 100_000
    /// Most UTF-8 bytes of one regular expression.
    package static let patternBytes = 4_096
    /// Most instructions that a regular expression may become.
    package static let patternInstructions = 10_000
    /// Most repetitions that `{n}` may ask for.
    package static let patternRepetitions = 1_000
}
