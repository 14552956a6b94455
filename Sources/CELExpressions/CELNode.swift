// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One node of a syntax tree.
///
/// A class, because trees are built once, shared by every copy of an expression and walked often.
package final class CELNode: Sendable {
    package enum Kind: Sendable {
        case literal(CELValue)
        /// A name that the environment has to know.
        case global(String)
        /// A variable of an enclosing macro, by its slot in the evaluator's frame.
        case local(String, slot: Int)
        case select(CELSelection)
        /// `operand.?field`.
        case optionalSelect(CELSelection)
        /// `has(operand.field)`.
        case has(CELSelection)
        case index(CELNode, CELNode)
        /// `operand[?index]`.
        case optionalIndex(CELNode, CELNode)
        /// `?element` in a list: left out if it is none.
        case optionalElement(CELNode)
        case list([CELNode])
        case map([CELMapItem])
        case not(CELNode)
        case negate(CELNode)
        case binary(CELOperator, CELNode, CELNode)
        case all([CELNode])
        case any([CELNode])
        case conditional(CELNode, CELNode, CELNode)
        case call(CELCall)
        case macro(CELMacro)
        /// `cel.bind(name, value, body)`.
        case bind(CELBinding)
        /// Stands where the text could not be understood; there is a problem about it.
        case invalid
    }

    package let kind: Kind
    /// UTF-8 byte offsets into the expression's text.
    package let range: Range<Int>
    /// 1 for a leaf.
    let height: Int

    init(_ kind: Kind, _ range: Range<Int>) {
        self.kind = kind
        self.range = range
        self.height = 1 + Self.height(below: kind)
    }

    /// The height of the highest child, without a list of the children: every node of every expression asks.
    private static func height(below kind: Kind) -> Int {
        switch kind {
        case .literal, .global, .local, .invalid: 0
        case .select(let selection), .has(let selection), .optionalSelect(let selection): selection.operand.height
        case .index(let left, let right), .optionalIndex(let left, let right), .binary(_, let left, let right):
            max(left.height, right.height)
        case .not(let operand), .negate(let operand), .optionalElement(let operand): operand.height
        case .bind(let binding): max(binding.value.height, binding.body.height)
        case .list(let nodes), .all(let nodes), .any(let nodes): nodes.reduce(0) { max($0, $1.height) }
        case .map(let items): items.reduce(0) { max($0, max($1.key.height, $1.value.height)) }
        case .conditional(let condition, let yes, let no): max(condition.height, max(yes.height, no.height))
        case .call(let call): call.arguments.reduce(call.receiver?.height ?? 0) { max($0, $1.height) }
        case .macro(let macro): max(macro.target.height, max(macro.predicate?.height ?? 0, macro.body?.height ?? 0))
        }
    }

    /// In the order of the text.
    package var children: [CELNode] {
        Self.children(of: self.kind)
    }

    private static func children(of kind: Kind) -> [CELNode] {
        switch kind {
        case .literal, .global, .local, .invalid: []
        case .select(let selection), .has(let selection), .optionalSelect(let selection): [selection.operand]
        case .index(let operand, let index), .optionalIndex(let operand, let index): [operand, index]
        case .list(let elements), .all(let elements), .any(let elements): elements
        case .map(let items): items.flatMap { [$0.key, $0.value] }
        case .not(let operand), .negate(let operand), .optionalElement(let operand): [operand]
        case .bind(let binding): [binding.value, binding.body]
        case .binary(_, let left, let right): [left, right]
        case .conditional(let condition, let yes, let no): [condition, yes, no]
        case .call(let call): call.receiver.map { [$0] + call.arguments } ?? call.arguments
        case .macro(let macro): [macro.target] + (macro.predicate.map { [$0] } ?? []) + (macro.body.map { [$0] } ?? [])
        }
    }
}

/// `operand.field`.
package final class CELSelection: Sendable {
    package let operand: CELNode
    package let field: String
    package let fieldRange: Range<Int>
    /// Whether the chain begins with a global.
    let isQualified: Bool
    /// The type that the whole chain names, such as `google.protobuf.Timestamp`.
    let typeName: String?

    init(operand: CELNode, field: String, fieldRange: Range<Int>) {
        self.operand = operand
        self.field = field
        self.fieldRange = fieldRange
        self.isQualified = operand.isQualified
        let mayBeType = self.isQualified && Self.typeFields.contains(field)
        let name = mayBeType ? operand.qualifiedName.map { "\($0).\(field)" } : nil
        self.typeName = name.flatMap { CELValue.typeNames.contains($0) ? $0 : nil }
    }

    private static let typeFields = Set(
        CELValue.typeNames.compactMap { $0.split(separator: ".").dropFirst().last.map { String($0) } }
    )

    /// The whole chain as a dotted name when it begins with a global: `a.b.c` may be one variable.
    var qualifiedName: String? {
        self.isQualified ? self.operand.qualifiedName.map { "\($0).\(self.field)" } : nil
    }
}

extension CELNode {
    /// Whether it has a ``qualifiedName``.
    var isQualified: Bool {
        switch self.kind {
        case .global: true
        case .select(let selection): selection.isQualified
        default: false
        }
    }

    /// `a.b` for a chain of selections from a global, which may be a dotted variable or function name.
    var qualifiedName: String? {
        switch self.kind {
        case .global(let name): name
        case .select(let selection): selection.qualifiedName
        default: nil
        }
    }
}

package struct CELMapItem: Sendable {
    package let key: CELNode
    package let value: CELNode
    /// `{?key: value}`: left out if the value is none.
    package let isOptional: Bool
}

package enum CELOperator: String, Hashable, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case remainder = "%"
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case contained = "in"
}

/// `name(arguments)` or `receiver.name(arguments)`.
package final class CELCall: Sendable {
    /// With dots for a namespaced function such as `math.greatest`.
    package let name: String
    package let nameRange: Range<Int>
    package let receiver: CELNode?
    package let arguments: [CELNode]
    /// `nil` for a function of the host.
    let standard: CELStandardFunction?
    /// Of `matches`, when it is a constant.
    let pattern: CELPattern?

    init(name: String, nameRange: Range<Int>, receiver: CELNode?, arguments: [CELNode]) {
        self.name = name
        self.nameRange = nameRange
        self.receiver = receiver
        self.arguments = arguments
        self.standard = CELStandardFunction.named(name, isMethod: receiver != nil)
        if name == "matches", case .literal(.string(let text)) = arguments.last?.kind {
            // What is wrong with it is for the checker to say.
            self.pattern = try? CELPattern(text)
        } else {
            self.pattern = nil
        }
    }
}

/// `target.name(variable, …)`: evaluates its arguments once for every element.
package final class CELMacro: Sendable {
    package enum Name: String, CaseIterable, Hashable, Sendable {
        case all
        case exists
        case existsOne = "exists_one"
        case filter
        case map
        case sortBy
        /// `exists_one`, as the macros with two variables spell it.
        case existsOneOfTwo = "existsOne"
        case transformList
        case transformMap
        case transformMapEntry
        /// Of an optional.
        case optMap
        case optFlatMap
    }

    package let name: Name
    package let nameRange: Range<Int>
    package let target: CELNode
    package let variable: String
    package let variableRange: Range<Int>
    let slot: Int
    /// The value, when the first variable is an index or a key.
    package let second: Variable?
    /// Of `all`, `exists`, `exists_one`, `filter` and the `map` with three arguments.
    package let predicate: CELNode?
    /// What `map` and its like make of an element, or the key `sortBy` sorts by.
    package let body: CELNode?

    package struct Variable: Sendable {
        package let name: String
        let slot: Int
    }

    init(
        name: Name,
        nameRange: Range<Int>,
        target: CELNode,
        variable: String,
        variableRange: Range<Int>,
        slot: Int,
        second: Variable?,
        predicate: CELNode?,
        body: CELNode?
    ) {
        self.name = name
        self.nameRange = nameRange
        self.target = target
        self.variable = variable
        self.variableRange = variableRange
        self.slot = slot
        self.second = second
        self.predicate = predicate
        self.body = body
    }
}

/// `cel.bind(name, value, body)`: the value is worked out once, and has a name in the body.
package final class CELBinding: Sendable {
    package let name: String
    let slot: Int
    package let value: CELNode
    package let body: CELNode

    init(name: String, slot: Int, value: CELNode, body: CELNode) {
        self.name = name
        self.slot = slot
        self.value = value
        self.body = body
    }
}

extension CELNode {
    /// The tree in prefix form, such as `(+ 1 (* 2 3))`, for tests and debugging.
    package var outline: String {
        switch self.kind {
        case .literal(let value): value.cel
        case .global(let name), .local(let name, _): name
        case .select(let selection): "(. \(selection.operand.outline) \(selection.field))"
        case .has(let selection): "(has \(selection.operand.outline) \(selection.field))"
        case .optionalSelect(let selection): "(.? \(selection.operand.outline) \(selection.field))"
        case .index: self.outline("[]")
        case .optionalIndex: self.outline("[?]")
        case .optionalElement: self.outline("?")
        case .list: self.outline("list")
        case .map: self.outline("map")
        case .not: self.outline("!")
        case .negate: self.outline("-")
        case .binary(let symbol, _, _): self.outline(symbol.rawValue)
        case .all: self.outline("&&")
        case .any: self.outline("||")
        case .conditional: self.outline("?:")
        case .call(let call): self.outline(call.receiver == nil ? call.name : "." + call.name)
        case .macro(let macro):
            self.outline(
                ([macro.name.rawValue, macro.variable] + (macro.second.map { [$0.name] } ?? [])).joined(separator: " ")
            )
        case .bind(let binding): self.outline("bind " + binding.name)
        case .invalid: "invalid"
        }
    }

    private func outline(_ head: String) -> String {
        "(" + ([head] + self.children.map(\.outline)).joined(separator: " ") + ")"
    }
}
