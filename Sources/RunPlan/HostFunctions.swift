// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CELExpressions

/// The functions that Selfheal adds to CEL.
package enum HostFunctions {
    package static let declarations: [CELFunctionDeclaration] = [
        .function("quorum", [.list(.record(ResultTypes.node))], .int),
        .function("best", [.list(.parameter("R"))], .parameter("R")),
    ]

    package static let table = CELHostFunctions { name, arguments throws(CELEvaluationError) in
        switch name {
        case "quorum": try Self.quorum(arguments)
        case "best": try Self.best(arguments)
        default: nil
        }
    }

    /// How many voters among the nodes make a majority; observers do not count.
    private static func quorum(_ arguments: [CELValue]) throws(CELEvaluationError) -> CELValue {
        guard case .list(let nodes) = arguments.first else {
            throw CELEvaluationError(.hostFunction, "'quorum' needs a list of nodes")
        }
        let voters = nodes.filter { Self.field("voter", of: $0) == .bool(true) }.count
        return .int(Int64(Inventory.quorum(voters: voters)))
    }

    /// The result with the highest epoch, then zxid: whose data a new quorum can be built from.
    private static func best(_ arguments: [CELValue]) throws(CELEvaluationError) -> CELValue {
        guard case .list(let results) = arguments.first else {
            throw CELEvaluationError(.hostFunction, "'best' needs a list of results")
        }
        let ranked = results.compactMap { result -> (rank: (Int64, Int64), result: CELValue)? in
            guard case .int(let epoch) = Self.field("epoch", of: result),
                case .int(let zxid) = Self.field("zxid", of: result)
            else {
                return nil
            }
            return ((epoch, zxid), result)
        }
        guard let best = ranked.max(by: { $0.rank < $1.rank }) else {
            throw CELEvaluationError(
                .hostFunction,
                "'best' has nothing to choose from: no result has a known epoch and zxid"
            )
        }
        guard ranked.filter({ $0.rank == best.rank }).count == 1 else {
            throw CELEvaluationError(
                .hostFunction,
                "'best' cannot choose: several results have the same epoch and zxid"
            )
        }
        return best.result
    }

    private static func field(_ name: String, of value: CELValue) -> CELValue? {
        guard case .record(let record) = value else {
            return nil
        }
        return record[name]
    }
}
