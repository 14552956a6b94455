// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELChecker {
    /// Reports an operand of another type; the result is `type` either way.
    mutating func require(_ type: CELType, of operand: CELNode, for user: String) -> CELType {
        let actual = self.type(of: operand)
        if !actual.fits(type) {
            self.report(
                .wrongType,
                "\(user) needs \(type), but '\(self.snippet(operand.range))' is \(actual.resolved)",
                at: operand.range,
                help: Self.helpForCondition(actual, type)
            )
        }
        return type
    }

    private static func helpForCondition(_ actual: CELType, _ needed: CELType) -> String? {
        guard needed == .bool else {
            return nil
        }
        switch actual {
        case .list, .map, .string: return "write size(…) > 0 to ask whether there is anything in it"
        case .int, .uint, .double: return "compare it with a number"
        default: return nil
        }
    }

    mutating func type(ofLogical operands: [CELNode], _ symbol: String) -> CELType {
        for operand in operands {
            _ = self.require(.bool, of: operand, for: symbol)
        }
        return .bool
    }

    mutating func type(ofNegated operand: CELNode, in node: CELNode) -> CELType {
        let type = self.type(of: operand)
        switch type {
        case .int, .double, .dyn, .error, .parameter:
            return type
        default:
            return self.report(
                .wrongType,
                "'-' needs int or double, but '\(self.snippet(operand.range))' is \(type.resolved)",
                at: node.range
            )
        }
    }

    mutating func type(ofConditional condition: CELNode, _ yes: CELNode, _ no: CELNode) -> CELType {
        _ = self.require(.bool, of: condition, for: "'?'")
        let first = self.type(of: yes)
        let second = self.type(of: no)
        if let joined = first.joined(with: second) {
            return joined
        }
        return self.report(
            .wrongType,
            "the two sides of ':' are \(first.resolved) and \(second.resolved)",
            at: yes.range.lowerBound..<no.range.upperBound,
            help: "make them one type, or write dyn(…) around one"
        )
    }

    mutating func type(of symbol: CELOperator, _ left: CELNode, _ right: CELNode, in node: CELNode) -> CELType {
        let first = self.type(of: left)
        let second = self.type(of: right)
        if let type = Self.result(of: symbol, first, second) {
            return type
        }
        let types = "\(first.resolved) and \(second.resolved)"
        switch symbol {
        case .contained:
            self.report(
                .wrongType,
                "'in' cannot look for \(first.resolved) in \(second.resolved)",
                at: node.range,
                help: second == .string ? "write text.contains(part)" : nil
            )
            return .bool
        case .equal, .notEqual:
            self.report(
                .wrongType,
                "\(types) are never equal",
                at: node.range,
                help: Self.helpForMixture(first, second)
            )
            return .bool
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            self.report(
                .wrongType,
                "'\(symbol.rawValue)' cannot compare \(types)",
                at: node.range,
                help: Self.helpForMixture(first, second)
            )
            return .bool
        case .add, .subtract, .multiply, .divide, .remainder:
            return self.report(
                .wrongType,
                "'\(symbol.rawValue)' cannot be applied to \(types)",
                at: node.range,
                help: Self.helpForMixture(first, second)
            )
        }
    }

    private static func helpForMixture(_ first: CELType, _ second: CELType) -> String? {
        if first.isNumber && second.isNumber && first != second {
            return "convert one of them with int(…), uint(…) or double(…)"
        }
        if first == .string || second == .string {
            let other = first == .string ? second : first
            switch other {
            case .int, .uint, .double, .bool, .bytes: return "convert it with string(…)"
            case .duration: return "write duration('30s') for a duration"
            case .timestamp: return "write timestamp('2024-05-01T12:00:00Z') for a timestamp"
            default: return nil
            }
        }
        if first == .duration || second == .duration {
            return "write duration('30s') for a duration"
        }
        return nil
    }

    /// The type of the result, or `nil` if there is no such operation.
    private static func result(of symbol: CELOperator, _ left: CELType, _ right: CELType) -> CELType? {
        switch symbol {
        case .equal, .notEqual:
            return left.isComparable(with: right) ? .bool : nil
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            let isDefined = left.isOrdered && right.isOrdered
            return isDefined && (left.fits(right) || left.isNumber && right.isNumber) ? .bool : nil
        case .contained:
            switch right {
            case .list(let element): return left.isComparable(with: element) ? .bool : nil
            case .map(let key, _): return left.isComparable(with: key) ? .bool : nil
            default: return right.isOpen ? .bool : nil
            }
        case .add, .subtract, .multiply, .divide, .remainder:
            return self.result(ofArithmetic: symbol, left, right)
        }
    }

    private static func result(ofArithmetic symbol: CELOperator, _ left: CELType, _ right: CELType) -> CELType? {
        switch (left, right) {
        case (.int, .int), (.uint, .uint):
            return left
        case (.double, .double):
            return symbol == .remainder ? nil : left
        case (.string, .string), (.bytes, .bytes):
            return symbol == .add ? left : nil
        case (.list, .list):
            return symbol == .add ? left.joined(with: right) ?? .list(.dyn) : nil
        case (.duration, .duration):
            return symbol == .add || symbol == .subtract ? .duration : nil
        case (.timestamp, .duration):
            return symbol == .add || symbol == .subtract ? .timestamp : nil
        case (.duration, .timestamp):
            return symbol == .add ? .timestamp : nil
        case (.timestamp, .timestamp):
            return symbol == .subtract ? .duration : nil
        default:
            guard left.isOpen || right.isOpen else {
                return nil
            }
            if left == .error || right == .error {
                return .error
            }
            // A number meets only its own kind; a duration may meet a timestamp.
            return left.isOpen ? self.partner(of: right, symbol) : self.partner(of: left, symbol)
        }
    }

    /// The result when the other operand may be anything.
    private static func partner(of type: CELType, _ symbol: CELOperator) -> CELType? {
        switch type {
        case .int, .uint: type
        case .double: symbol == .remainder ? nil : type
        case .string, .bytes: symbol == .add ? type : nil
        case .list: symbol == .add ? .list(.dyn) : nil
        case .duration, .timestamp: symbol == .add || symbol == .subtract ? .dyn : nil
        default: type.isOpen ? .dyn : nil
        }
    }
}
