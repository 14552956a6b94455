// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Something that happened and that its step says how to undo.
struct UndoEntry: Hashable, Sendable {
    /// The step that did it.
    let key: StepKey
    let region: RegionID
    /// What the step saw when it was left.
    let scopes: [Scope]
    /// On which nodes it happened, in the order of the step; empty for what has no target.
    let targets: [NodeName]
    /// Where it may have happened or not.
    let doubts: [String]
    /// Whether it is certain to have happened anywhere.
    let hasHappened: Bool
}

/// Undoes what happened, the last first, one act after the other.
///
/// ```
///     enter ──▶ undo of the last ──▶ undo of the one before … ──▶ completed
///                  │ it failed, or it is in doubt what there is to undo
///                  └─────────────────────────────────────────▶ stopped
/// ```
///
/// Each undo is a step of its own, with receipts, proof and retries like any other. Once one fails nothing further is undone: what came
/// before may depend on it, and a person has to look.
struct UndoMachine: Hashable, Sendable {
    enum Ending: Hashable, Sendable {
        case completed
        case stopped(reason: String)
    }

    private struct Current: Hashable, Sendable {
        let entry: UndoEntry
        var sequence: SequenceMachine
    }

    /// The next to be undone is the last.
    private var waiting: [UndoEntry]
    private var current: Current?
    private var isCancelling = false

    init(_ entries: [UndoEntry]) {
        self.waiting = entries
    }

    mutating func make(_ move: RunbookMachine.Move, _ context: inout RunContext) -> Ending? {
        switch move {
        case .enter: return self.beginNext(&context)
        case .cancel: self.isCancelling = true
        case .resume(let isOverdue): self.isCancelling = self.isCancelling || isOverdue
        case .handle: break
        }
        guard var current = self.current else {
            return self.isCancelling ? self.stopped("the run was cancelled") : nil
        }
        self.current = nil
        let ending = Self.inside(current.entry, &context) { current.sequence.make(move, &$0) }
        guard let ending else {
            self.current = current
            return nil
        }
        return self.end(current.entry, ending, &context)
    }

    mutating func markCancelling(_ context: RunContext) {
        self.isCancelling = true
        self.current?.sequence.markCancelling(context)
    }

    var wakeAt: Instant? {
        self.current?.sequence.wakeAt
    }

    func visit(_ body: (StepMachine) -> Void) {
        self.current?.sequence.visit(body)
    }

    private mutating func beginNext(_ context: inout RunContext) -> Ending? {
        while let entry = self.waiting.popLast() {
            guard entry.hasHappened else {
                return self.stopped(self.doubt(of: entry, &context), before: entry)
            }
            var sequence = SequenceMachine(region: entry.region, prefix: "undo/", name: entry.key.text)
            let ending = Self.inside(entry, &context) { sequence.make(.enter, &$0) }
            guard let ending else {
                self.current = Current(entry: entry, sequence: sequence)
                return nil
            }
            if let stopped = self.judge(entry, ending, &context) {
                return stopped
            }
        }
        return .completed
    }

    private mutating func end(
        _ entry: UndoEntry,
        _ ending: SequenceMachine.Ending,
        _ context: inout RunContext
    ) -> Ending? {
        self.judge(entry, ending, &context) ?? self.beginNext(&context)
    }

    /// Why nothing further is undone, if so.
    private func judge(
        _ entry: UndoEntry,
        _ ending: SequenceMachine.Ending,
        _ context: inout RunContext
    ) -> Ending? {
        switch ending {
        case .completed, .finished:
            guard entry.doubts.isEmpty else {
                return self.stopped(self.doubt(of: entry, &context), before: entry)
            }
            return self.isCancelling ? self.stopped("the run was cancelled") : nil
        case .failed(let key, let outcome, let reason):
            let why = outcome == .failed ? reason : "\(outcome.rawValue): \(reason)"
            return self.stopped("\(key): \(why)", before: entry)
        case .cancelled: return self.stopped("the run was cancelled", before: entry)
        }
    }

    private func doubt(of entry: UndoEntry, _ context: inout RunContext) -> String {
        let reason = "it is in doubt whether \(entry.key) happened: \(entry.doubts.joined(separator: "; "))"
        context.note(.halted(entry.key, reason: reason))
        return reason
    }

    private func stopped(_ reason: String, before entry: UndoEntry? = nil) -> Ending {
        let left = (self.waiting + (entry.map { [$0] } ?? [])).reversed().map(\.key.text)
        let rest = left.isEmpty ? "" : "; not undone: \(left.joined(separator: ", "))"
        return .stopped(reason: "the undoing stopped: \(reason)\(rest)")
    }

    /// An undo sees what its step saw, and in `undone` the nodes on which it happened, the last first.
    private static func inside<Result>(
        _ entry: UndoEntry,
        _ context: inout RunContext,
        _ body: (inout RunContext) -> Result
    ) -> Result {
        let around = context.scopes
        defer { context.scopes = around }
        context.scopes = entry.scopes
        let nodes = entry.targets.reversed().map { NodeValue.value(of: $0, in: context) }
        return context.within(Scope(variables: ["undone": .list(nodes)]), body)
    }
}

extension SequenceMachine {
    /// Remembers what a step that can be undone has done.
    func remember(_ done: StepCompletion, of step: StepMachine, _ state: PlanState, in context: inout RunContext) {
        guard let region = state.undo else {
            return
        }
        if case .call = state.action {
            guard done.runOutcome == .succeeded else {
                return
            }
            // Undoing it as a whole takes the place of undoing what it did step by step.
            context.undoable.removeAll { $0.key.text.hasPrefix("\(step.key)/") }
            context.undoable.append(UndoEntry(of: step.key, region, in: context))
            return
        }
        var targets: [NodeName] = []
        var doubts: [String] = []
        var hasHappened = false
        for case .record(let result) in done.results {
            let target = result["target"].flatMap { NodeValue.names(in: $0).first }
            if result["succeeded"] == .bool(true) {
                hasHappened = true
                targets += target.map { [$0] } ?? []
            } else if result["outcome"] == .string(Outcome.inDoubt.rawValue) {
                let problem = if case .string(let text) = result["problem"] { text } else { "" }
                doubts.append("\(target?.text ?? "here"): \(problem)")
            }
        }
        guard hasHappened || !doubts.isEmpty else {
            return
        }
        context.undoable.append(
            UndoEntry(
                key: step.key,
                region: region,
                scopes: context.scopes,
                targets: targets,
                doubts: doubts,
                hasHappened: hasHappened
            )
        )
    }
}

extension UndoEntry {
    fileprivate init(of key: StepKey, _ region: RegionID, in context: RunContext) {
        self.init(key: key, region: region, scopes: context.scopes, targets: [], doubts: [], hasHappened: true)
    }
}
