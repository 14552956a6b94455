// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary

/// Says when the condition of a trigger has held long enough to start its runbook.
///
/// ```
///     quiet ──holds──▶ holding ──for──▶ fired ──▶ spent
///       ▲                 │ does not hold,         │ does not hold,
///       └─────────────────┴ or cannot be told ─────┘ or cannot be told
/// ```
///
/// Unknown neither starts the clock nor lets it run on: `for: 30s` means that the condition was *known* to hold for thirty seconds,
/// and a moment in which nobody could tell breaks that. What was last seen longer than `staleAfter` ago is unknown. A trigger fires
/// once for each time that its condition comes to hold; cool-down and limits belong to whoever starts runs.
///
/// The watch reads no clock. Feed it what the monitors see, and `clockReached` no later than ``wakeAt``.
package struct TriggerWatch: Hashable, Sendable {
    package enum Finding: Hashable, Sendable {
        case quiet
        case unknown(reason: String)
        case holding(since: Instant, until: Instant)
        /// The moment has come; said once.
        case fired(since: Instant)
        /// It still holds and has fired already.
        case spent(since: Instant)
    }

    private struct Span: Hashable, Sendable {
        let since: Instant
        var hasFired = false
    }

    package let trigger: PlanTrigger
    private var context: RunContext
    private var view: TriggerView
    /// Before then nothing that was seen is too old.
    private var staleAt: Instant?
    private var span: Span?

    /// Watches one trigger of a plan.
    ///
    /// The parameters are what conditions may read besides the nodes: the runbook's defaults, for a triggered run. An observation says
    /// nothing any more after `staleAfter`, which should be several rounds of the monitors.
    package init(
        trigger: PlanTrigger,
        of plan: Plan,
        parameters: [String: Fact],
        inventory: Inventory,
        staleAfter: Milliseconds
    ) {
        self.trigger = trigger
        var plan = plan
        plan.fresh = staleAfter
        self.context = RunContext(
            binding: RunBinding(
                run: "trigger",
                plan: plan,
                parameters: parameters,
                inventory: inventory,
                requestedBy: "selfheal"
            )
        )
        self.context.resolveSelections()
        self.view = TriggerView(of: trigger.condition, in: self.context)
    }

    /// The nodes of all the plan's selections, sorted.
    package var selectedNodes: [NodeName] {
        Set(self.context.plan.selections.flatMap { self.context.nodes(selectedBy: $0.name) }).sorted()
    }

    /// When `clockReached` is due.
    package var wakeAt: Instant? {
        guard let span = self.span, !span.hasFired else {
            return nil
        }
        return span.since + self.trigger.holdsFor
    }

    /// Takes in what was seen of some nodes.
    package mutating func observe(_ reports: [ProbeReport], at moment: Instant) -> Finding {
        self.context.now = max(self.context.now, moment)
        self.take(reports)
        return self.judge()
    }

    package mutating func clockReached(at moment: Instant) -> Finding {
        self.context.now = max(self.context.now, moment)
        return self.judge()
    }

    private mutating func judge() -> Finding {
        self.forgetWhatIsStale()
        switch self.view.verdict(on: self.trigger.condition, in: self.context) {
        case .fails:
            self.span = nil
            return .quiet
        case .unknown(let reason):
            self.span = nil
            return .unknown(reason: reason)
        case .holds:
            var span = self.span ?? Span(since: self.context.now)
            defer { self.span = span }
            guard !span.hasFired else {
                return .spent(since: span.since)
            }
            let due = span.since + self.trigger.holdsFor
            guard self.context.now >= due else {
                return .holding(since: span.since, until: due)
            }
            span.hasFired = true
            return .fired(since: span.since)
        }
    }

    /// An old observation is replaced by one that knows nothing, with the reason.
    ///
    /// All of them are gone through only when the oldest may have become too old.
    private mutating func forgetWhatIsStale() {
        guard let staleAt = self.staleAt, staleAt <= self.context.now else {
            return
        }
        defer { self.staleAt = self.context.staleAt(for: self.trigger.condition) }
        for node in self.context.staleNodes(for: self.trigger.condition) {
            guard let observation = self.context.observation(of: node) else {
                continue
            }
            let age = self.context.now.elapsed(since: observation.asked.at)
            let facts: [String: Fact] = ["problem": .string("it was last seen \(age) ago")]
            self.take([ProbeReport(target: node, facts: facts)])
        }
    }

    private mutating func take(_ reports: [ProbeReport]) {
        for report in reports {
            guard let node = report.target else {
                continue
            }
            let before = self.context.observation(of: node)
            self.context.observe([report])
            self.view.changed(node, from: before, in: self.context)
        }
        // What is seen later is stale later, so that the moment can only be too early.
        self.staleAt = self.staleAt ?? self.context.staleAt(for: self.trigger.condition)
    }
}

extension Plan {
    /// The nodes of all its selections as they are with these parameters, sorted.
    package func selectedNodes(parameters: [String: Fact], in inventory: Inventory) -> [NodeName] {
        var context = RunContext(
            binding: RunBinding(
                run: "selections",
                plan: self,
                parameters: parameters,
                inventory: inventory,
                requestedBy: "selfheal"
            )
        )
        context.resolveSelections()
        return Set(self.selections.flatMap { context.nodes(selectedBy: $0.name) }).sorted()
    }
}
