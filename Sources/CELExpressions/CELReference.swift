// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A place where an expression reads something from its environment.
package struct CELReference: Hashable, Sendable {
    /// The name and the fields selected from it: `steps.look.results` is `["steps", "look", "results"]`.
    ///
    /// A constant string index counts as a field. The path ends where anything else is done to the value.
    package private(set) var path: [String]
    /// Of each component of the path.
    package private(set) var ranges: [Range<Int>]

    fileprivate mutating func append(_ field: String, at range: Range<Int>) {
        self.path.append(field)
        self.ranges.append(range)
    }

    package var root: String { self.path[0] }

    package var rootRange: Range<Int> { self.ranges[0] }

    /// From the name to the last field.
    package var range: Range<Int> {
        self.ranges[0].lowerBound..<(self.ranges.last ?? self.ranges[0]).upperBound
    }
}

/// A place where an expression calls a function.
package struct CELCallSite: Hashable, Sendable {
    package let name: String
    package let range: Range<Int>
    package let isMethod: Bool
    /// Whether the function belongs to the host rather than to CEL.
    package let isHostFunction: Bool
}

extension CELNode {
    /// Every reference below this node, in the order of the text.
    func collectReferences(into references: inout [CELReference]) {
        if let reference = self.reference {
            // `type(x) == int` reads `x`; `int` is the name of a type, unless fields are selected from it.
            if reference.path.count > 1 || !CELValue.typeNames.contains(reference.root) {
                references.append(reference)
            }
            return
        }
        for child in self.children {
            child.collectReferences(into: &references)
        }
    }

    func collectCalls(into calls: inout [CELCallSite]) {
        for child in self.children {
            child.collectCalls(into: &calls)
        }
        if case .call(let call) = self.kind {
            calls.append(
                CELCallSite(
                    name: call.name,
                    range: call.nameRange,
                    isMethod: call.receiver != nil,
                    isHostFunction: call.standard == nil
                )
            )
        }
    }

    /// The chain that this node is, if it is one.
    private var reference: CELReference? {
        switch self.kind {
        case .global(let name):
            return CELReference(path: [name], ranges: [self.range])
        case .select(let selection), .has(let selection), .optionalSelect(let selection):
            guard var base = selection.operand.reference else {
                return nil
            }
            base.append(selection.field, at: selection.fieldRange)
            return base
        case .index(let operand, let index), .optionalIndex(let operand, let index):
            guard case .literal(.string(let key)) = index.kind, var base = operand.reference else {
                return nil
            }
            base.append(key, at: index.range)
            return base
        default:
            return nil
        }
    }
}
