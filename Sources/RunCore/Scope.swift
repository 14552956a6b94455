// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// What the steps of one sequence left behind, and the names its surroundings gave it.
struct Scope: Hashable, Sendable {
    var records: [StepName: StepRecord] = [:]
    var variables: [String: CELValue] = [:]
    /// The nodes that people agreed to, for each step that a gate of this list has told.
    var approved: [StateID: [NodeName]] = [:]
    /// How many iterations share what may be kept of their output.
    var width = 1
    /// Set where a called runbook begins: names are not looked for any further out.
    var frame: Frame?
}

/// What a called runbook sees in place of what the run was started with.
struct Frame: Hashable, Sendable {
    var parameters: [String: CELValue]
    var settings: [PlanSetting] = []
    /// Which of the run's own secrets each of its secret parameters is.
    var secrets: [String: String] = [:]
    var selections: [String: [NodeName]] = [:]
    var fresh: Milliseconds
}

extension RunContext {
    /// The frame of the runbook that is being walked; nothing for the run's own.
    var frame: Frame? {
        self.scopes.last { $0.frame != nil }?.frame
    }

    /// How old facts may be when something is decided upon them.
    var fresh: Milliseconds {
        self.frame?.fresh ?? self.plan.fresh
    }

    /// The parameters of the runbook that is being walked.
    var parameters: [String: CELValue] {
        if let frame = self.frame {
            return frame.parameters
        }
        var values = self.binding.parameters.mapValues(\.value)
        for parameter in self.plan.parameters where parameter.kind == .secret {
            values[parameter.name] = .secret(parameter.name)
        }
        return values
    }

    /// The settings of the runbook that is being walked.
    var settings: [PlanSetting] {
        if let frame = self.frame { frame.settings } else { self.plan.settings ?? [] }
    }

    /// Lets `body` see `scope` around everything that it does.
    mutating func within<Result>(_ scope: Scope, _ body: (inout RunContext) -> Result) -> Result {
        self.scopes.append(scope)
        defer { self.scopes.removeLast() }
        return body(&self)
    }
}

/// What expressions can know of a step.
struct StepRecord: Hashable, Sendable {
    var outcome: Outcome?
    /// How a called runbook came out, which says more than the outcome of its step.
    var runOutcome: RunOutcome?
    var results: [CELValue] = []
    var items: [CELValue] = []
    /// In the order of the file.
    var branches: [BranchRecord] = []
    /// Whether it has one result and no more, as a request has.
    var isSingle = false

    /// A step that the run has not come to: it has neither succeeded nor failed.
    static func notReached(_ name: String, in plan: Plan) -> StepRecord {
        var record = StepRecord()
        for region in plan.regions {
            for state in region.states where state.step.text == name {
                if case .parallel(let action) = state.action {
                    record.branches += action.branches.map { BranchRecord(name: $0.name, outcome: nil) }
                }
            }
        }
        return record
    }

    var value: CELValue {
        var fields: [CELRecord.Field] = [
            .init("outcome", .string(self.runOutcome?.rawValue ?? self.outcome?.rawValue ?? "")),
            .init("succeeded", .bool(self.outcome == .succeeded)),
            .init("results", .list(self.results)),
            .init("items", .list(self.items)),
        ]
        if self.isSingle, let result = self.results.first {
            fields.append(.init("result", result))
        }
        if !self.branches.isEmpty {
            let branches = self.branches.map { CELRecord.Field($0.name, $0.value) }
            fields.append(.init("branches", .record(CELRecord("branches", fields: branches))))
        }
        return .record(CELRecord("step", fields: fields))
    }
}

/// What is left of a branch of `parallel`.
struct BranchRecord: Hashable, Sendable {
    var name: String
    /// Nothing when it was not walked, or not to its end.
    var outcome: Outcome?

    var value: CELValue {
        .record(
            CELRecord(
                ResultTypes.branch.name,
                fields: [
                    .init("outcome", .string(self.outcome?.rawValue ?? "")),
                    .init("succeeded", .bool(self.outcome == .succeeded)),
                ]
            )
        )
    }
}

// MARK: - What the verifier reads

extension Scope {
    func mix(into fingerprint: inout StateFingerprint, _ view: PlanRelevance, live: PlanRelevance.Names) {
        let approved = self.approved.sorted {
            ($0.key.region.index, $0.key.index) < ($1.key.region.index, $1.key.index)
        }
        for (state, nodes) in approved {
            fingerprint.mix(UInt64(state.region.index) << 32 | UInt64(state.index))
            for node in nodes {
                fingerprint.mix(node.text)
            }
        }
        if let frame = self.frame {
            for name in frame.parameters.keys.sorted() {
                fingerprint.mix(name)
                fingerprint.mix(frame.parameters[name] ?? .null, view)
            }
            for name in frame.selections.keys.sorted() {
                fingerprint.mix(name)
                for node in frame.selections[name] ?? [] {
                    fingerprint.mix(node.text)
                }
            }
        }
        for name in live.steps {
            guard let record = self.records[name] else {
                continue
            }
            fingerprint.mix(name.text)
            fingerprint.mix(record.outcome?.rawValue ?? "")
            fingerprint.mix(record.runOutcome?.rawValue ?? "")
            for branch in record.branches {
                fingerprint.mix(branch.outcome?.rawValue ?? "")
            }
            fingerprint.mix(record.results, view)
            fingerprint.mix(record.items, view)
        }
        for name in live.variables {
            guard let value = self.variables[name] else {
                continue
            }
            fingerprint.mix(name)
            fingerprint.mix(value, view)
        }
    }
}
