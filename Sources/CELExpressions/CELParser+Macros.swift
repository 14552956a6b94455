// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELParser {
    /// The name of a macro's variable, if one stands here with a comma behind it.
    private mutating func parseVariable() -> CELToken? {
        let token = self.current
        guard case .identifier(let word) = token.kind, !CELToken.keywords.contains(word),
            !CELToken.reserved.contains(word), self.isFollowedByComma
        else {
            return nil
        }
        _ = self.advance()
        _ = self.accept(.comma)
        return token
    }

    /// `target.macro(variable, …)` or `target.macro(key, value, …)`; variables are visible in what follows them.
    mutating func parseMacro(
        _ macro: CELMacro.Name,
        _ token: CELToken,
        _ opening: CELToken,
        on target: CELNode
    ) -> CELNode {
        let first = self.parseVariable()
        let second = first != nil && macro.mayTakeTwoVariables ? self.parseVariable() : nil
        var arguments: [CELNode] = []
        var slots: [Int] = []
        self.withVariables([first, second].compactMap { $0.map { self.text($0.range) } }) { parser, numbers in
            slots = numbers
            arguments = parser.parseList(closing: .rightParenthesis, opening: opening)
        }
        let range = target.range.lowerBound..<self.previousEnd
        guard let first, second != nil || !macro.needsTwoVariables, macro.counts.contains(arguments.count) else {
            if !arguments.contains(where: \.isInvalid) {
                let variables = macro.needsTwoVariables ? "two variables" : "a variable"
                let example = macro.needsTwoVariables ? "(k, v, …) and use k and v" : "(x, …) and use x for the element"
                self.report(
                    "'\(macro.rawValue)' takes \(variables) and \(macro.argument)",
                    at: token.range,
                    help: "write .\(macro.rawValue)\(example)"
                )
            }
            return self.invalid(at: range)
        }
        let last = arguments[arguments.count - 1]
        let node = CELMacro(
            name: macro,
            nameRange: token.range,
            target: target,
            variable: self.text(first.range),
            variableRange: first.range,
            slot: slots[0],
            second: second.map { CELMacro.Variable(name: self.text($0.range), slot: slots[1]) },
            predicate: !macro.takesBody || arguments.count == 2 ? arguments[0] : nil,
            body: macro.takesBody ? last : nil
        )
        return self.node(.macro(node), range)
    }

    /// `cel.bind(name, value, body)`.
    mutating func parseBinding(_ token: CELToken, _ opening: CELToken, on receiver: CELNode) -> CELNode {
        let variable = self.parseVariable()
        let value = variable.map { _ in self.parseExpression() }
        var bodies: [CELNode] = []
        var slots: [Int] = []
        let isIncomplete = value != nil && !self.accept(.comma)
        if isIncomplete {
            self.reportUnexpected(needed: "','", help: "write cel.bind(x, value, expression with x)")
        }
        self.withVariables([variable].compactMap { $0.map { self.text($0.range) } }) { parser, numbers in
            slots = numbers
            bodies = parser.parseList(closing: .rightParenthesis, opening: opening)
        }
        let range = receiver.range.lowerBound..<self.previousEnd
        guard let variable, let value, bodies.count == 1 else {
            if !isIncomplete, !bodies.contains(where: \.isInvalid) {
                self.report(
                    "'cel.bind' takes a name, its value and an expression",
                    at: receiver.range.lowerBound..<token.range.upperBound,
                    help: "write cel.bind(x, value, expression with x)"
                )
            }
            return self.invalid(at: range)
        }
        let binding = CELBinding(name: self.text(variable.range), slot: slots[0], value: value, body: bodies[0])
        return self.node(.bind(binding), range)
    }
}

extension CELMacro.Name {
    /// What stands behind the variables, in words.
    var argument: String {
        switch self {
        case .all, .exists, .existsOne, .existsOneOfTwo, .filter: "a condition"
        case .map, .transformList, .transformMap, .transformMapEntry, .optMap, .optFlatMap: "an expression"
        case .sortBy: "a key"
        }
    }

    /// How many arguments stand behind the variables.
    fileprivate var counts: ClosedRange<Int> {
        switch self {
        case .map, .transformList, .transformMap, .transformMapEntry: 1...2
        case .all, .exists, .existsOne, .existsOneOfTwo, .filter, .sortBy, .optMap, .optFlatMap: 1...1
        }
    }

    fileprivate var takesBody: Bool {
        switch self {
        case .map, .transformList, .transformMap, .transformMapEntry, .sortBy, .optMap, .optFlatMap: true
        case .all, .exists, .existsOne, .existsOneOfTwo, .filter: false
        }
    }

    fileprivate var mayTakeTwoVariables: Bool {
        switch self {
        case .all, .exists, .existsOne: true
        default: self.needsTwoVariables
        }
    }

    fileprivate var needsTwoVariables: Bool {
        switch self {
        case .existsOneOfTwo, .transformList, .transformMap, .transformMapEntry: true
        default: false
        }
    }
}
