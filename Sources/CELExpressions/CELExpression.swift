// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// An expression of the Common Expression Language, parsed.
///
/// Two expressions are equal when their texts are.
package struct CELExpression: Sendable {
    /// One reference, because expressions are copied more often than they are looked at.
    private let parsed: Parsed

    private final class Parsed: Sendable {
        let text: String
        let root: CELNode
        let slotCount: Int
        let references: [CELReference]
        let names: [String]

        init(text: String, root: CELNode, slotCount: Int) {
            self.text = text
            self.root = root
            self.slotCount = slotCount
            var references: [CELReference] = []
            root.collectReferences(into: &references)
            self.references = references
            self.names = references.count == 1 ? [references[0].root] : Set(references.map(\.root)).sorted()
        }
    }

    package var text: String { self.parsed.text }
    /// The syntax tree.
    package var root: CELNode { self.parsed.root }
    /// How many macro variables are alive at once, at most.
    var slotCount: Int { self.parsed.slotCount }

    private init(text: String, root: CELNode, slotCount: Int) {
        self.parsed = Parsed(text: text, root: root, slotCount: slotCount)
    }

    /// The expression, or `nil` and at least one problem.
    package static func parse(_ text: String) -> (CELExpression?, [CELProblem]) {
        var parser = CELParser(text)
        let (root, problems) = parser.parse()
        guard let root else {
            return (nil, problems)
        }
        return (CELExpression(text: text, root: root, slotCount: parser.slotCount), problems)
    }

    /// The type of the result, and what is wrong with it.
    ///
    /// A mistake is reported once: the subexpressions around it stay quiet.
    package func check(
        in environment: CELEnvironment,
        expecting expected: CELType? = nil
    ) -> (CELType, [CELProblem]) {
        var checker = CELChecker(environment: environment, text: self.text, slotCount: self.slotCount)
        return checker.check(self.root, expecting: expected)
    }

    /// The value, which may be unknown.
    ///
    /// Evaluation does not need a check: what a check would refuse fails with an error. Every node visited
    /// and every element or 16 bytes produced costs one; at `costLimit` the evaluation is given up.
    package func evaluate(
        _ activation: CELActivation,
        hostFunctions: CELHostFunctions = .none,
        costLimit: Int = CELLimits.defaultCost
    ) throws(CELEvaluationError) -> CELValue {
        var evaluator = CELEvaluator(
            activation: activation,
            hostFunctions: hostFunctions,
            slotCount: self.slotCount,
            costLimit: costLimit
        )
        return try evaluator.evaluate(self.root)
    }

    /// What the expression reads, in the order of the text, with repetitions.
    package var referencedPaths: [CELReference] { self.parsed.references }

    /// The names the expression needs from its environment, sorted.
    package var freeNames: [String] { self.parsed.names }

    /// The functions the expression calls, innermost first.
    package var calls: [CELCallSite] {
        var calls: [CELCallSite] = []
        self.root.collectCalls(into: &calls)
        return calls
    }
}

extension CELExpression: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        left.parsed === right.parsed || left.text == right.text
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.text)
    }
}

extension CELExpression: CustomStringConvertible {
    package var description: String { self.text }
}
