// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// What expressions see of a target.
extension CommandLane {
    /// What expressions see of this target; a target that was never touched has the empty outcome.
    func result(_ step: StepMachine, _ context: RunContext) -> CELValue {
        if case .request = context.plan[step.state].action {
            return self.answer
        }
        var facts: [String: Fact] = [
            "outcome": .string(self.outcome?.rawValue ?? ""),
            "succeeded": .bool(self.outcome == .succeeded),
            "attempts": .int(Int64(self.attempt)),
            "stdout": .string(self.report?.standardOutput ?? ""),
            "stderr": .string(self.report?.standardError ?? ""),
            "problem": .string(self.reason ?? ""),
            "output_cut": .bool(self.report?.isOutputCut ?? false),
        ]
        if case .exited(let status) = self.report?.ending {
            facts["exit_status"] = .int(Int64(status))
        }
        return NodeValue.result(ResultTypes.command, target: self.target, facts: facts, in: context)
    }

    /// What expressions see of a request.
    private var answer: CELValue {
        let isAnswered: Bool
        var status = CELValue.unknown(CELUnknown("it was not answered"))
        if case .exited(let number) = self.report?.ending, number > 0 {
            status = .int(Int64(number))
            isAnswered = true
        } else {
            isAnswered = false
        }
        let body = self.report?.standardOutput ?? ""
        var json = CELValue.unknown(CELUnknown(isAnswered ? "the answer is no JSON" : "it was not answered"))
        if self.report?.isOutputCut ?? false {
            json = .unknown(CELUnknown("the answer is too long to be kept whole"))
        } else if isAnswered, let parsed = try? JSON(parsing: Array(body.utf8)) {
            json = CELValue(parsed)
        }
        return .record(
            CELRecord(
                ResultTypes.request.name,
                fields: [
                    .init("outcome", .string(self.outcome?.rawValue ?? "")),
                    .init("succeeded", .bool(self.outcome == .succeeded)), .init("status", status),
                    .init("body", .string(body)), .init("json", json), .init("attempts", .int(Int64(self.attempt))),
                    .init("problem", .string(self.reason ?? "")),
                ]
            )
        )
    }
}

extension CELValue {
    /// A JSON value as expressions see it.
    init(_ json: JSON) {
        switch json {
        case .null: self = .null
        case .bool(let bool): self = .bool(bool)
        case .int(let int): self = .int(int)
        case .double(let double): self = .double(double)
        case .string(let string): self = .string(string)
        case .array(let elements): self = .list(elements.map { CELValue($0) })
        case .object(let members): self = .map(CELMap(strings: members.map { ($0.name, CELValue($0.value)) }))
        }
    }
}
