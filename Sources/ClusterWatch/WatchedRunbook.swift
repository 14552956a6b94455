// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
package import RunPlan
import RunVocabulary

/// A runbook that starts by itself when one of its triggers fires.
package struct WatchedRunbook: Hashable, Sendable {
    package let plan: Plan
    package let parameters: [String: Fact]
    private var watches: [TriggerWatch]
    private var findings: [TriggerWatch.Finding]
    /// Whether anything was looked at yet: before that, nothing is known to be over.
    private var hasSeen = false
    /// Which trigger has fired and not been acted upon.
    private(set) var fired: Int?
    /// The nodes that the runbook is about.
    let scope: Set<NodeName>

    /// Takes a value for every parameter, because a triggered run is given none by anybody.
    package init(plan: Plan, parameters: [String: Fact], inventory: Inventory, settings: WatchSettings) {
        self.plan = plan
        self.parameters = parameters
        let staleAfter = settings.lifetime(watching: inventory)
        self.watches = plan.triggers.map { trigger in
            TriggerWatch(
                trigger: trigger,
                of: plan,
                parameters: parameters,
                inventory: inventory,
                staleAfter: staleAfter
            )
        }
        self.findings = Array(repeating: .quiet, count: self.watches.count)
        self.scope = Set(plan.selectedNodes(parameters: parameters, in: inventory))
    }

    /// The trigger of the runbook that an alert fits, if one does.
    package func trigger(for alert: Alert) -> PlanAlert? {
        (self.plan.alerts ?? []).first { alert.fits($0) }
    }

    struct MissingLabel: Error {
        let text: String
    }

    /// The values for a run that answers an alert: what its labels say, and what is there without it.
    func parameters(from alert: Alert, _ trigger: PlanAlert) throws(MissingLabel) -> [String: Fact] {
        var values = self.parameters
        for pair in trigger.parameters {
            guard let parameter = self.plan.parameters.first(where: { $0.name == pair.name }) else {
                continue
            }
            guard let text = alert.label(pair.value) else {
                guard let value = values[pair.name] ?? parameter.defaultValue else {
                    throw MissingLabel(text: "it has no label '\(pair.value)', which says what '\(pair.name)' is")
                }
                values[pair.name] = value
                continue
            }
            guard let fact = ParameterText.fact(text, of: parameter.kind) else {
                throw MissingLabel(
                    text: "its label '\(pair.value)' is no value of '\(pair.name)', which is \(parameter.kind.example)"
                )
            }
            values[pair.name] = fact
        }
        return values
    }

    var name: String {
        self.plan.runbook
    }

    var wakeAt: Instant? {
        self.watches.compactMap(\.wakeAt).min()
    }

    /// Takes in what was seen; of other nodes than its own it need not know.
    mutating func observe(_ reports: [ProbeReport], at moment: Instant) {
        let own = reports.filter { report in report.target.map { self.scope.contains($0) } ?? false }
        guard !own.isEmpty else {
            return
        }
        self.update { $0.observe(own, at: moment) }
    }

    mutating func clockReached(at moment: Instant) {
        self.update { $0.clockReached(at: moment) }
    }

    private mutating func update(_ body: (inout TriggerWatch) -> TriggerWatch.Finding) {
        self.hasSeen = true
        for index in self.watches.indices {
            let finding = body(&self.watches[index])
            self.findings[index] = finding
            switch finding {
            case .fired: self.fired = self.fired ?? index
            case .quiet, .unknown, .holding:
                if self.fired == index {
                    self.fired = nil
                }
            case .spent: break
            }
        }
    }

    /// What fired has been acted upon, or never will be.
    mutating func spend() {
        self.fired = nil
    }

    /// The trigger that waits to be acted upon, and since when its condition holds.
    var firing: (trigger: PlanTrigger, since: Instant)? {
        guard let index = self.fired else {
            return nil
        }
        switch self.findings[index] {
        case .fired(let since), .spent(let since): return (self.watches[index].trigger, since)
        case .quiet, .unknown, .holding: return nil
        }
    }

    /// A condition that still holds, whether it was acted upon or not.
    var holding: (trigger: PlanTrigger, since: Instant)? {
        for (index, finding) in self.findings.enumerated() {
            switch finding {
            case .fired(let since), .spent(let since): return (self.watches[index].trigger, since)
            case .quiet, .unknown, .holding: continue
            }
        }
        return nil
    }

    /// The condition, if it is known that none holds; nothing while one holds or it cannot be told.
    var overCondition: String? {
        let isQuiet = self.findings.allSatisfy { finding in
            if case .quiet = finding { true } else { false }
        }
        return isQuiet && self.hasSeen ? self.watches.first?.trigger.condition.text : nil
    }

    /// What ``idleDecision(at:)`` will be.
    var idleKind: Decision.Kind {
        var kind = Decision.Kind.quiet
        for finding in self.findings {
            switch finding {
            case .holding: return .holding
            case .unknown: kind = .unknown
            case .quiet, .fired, .spent: break
            }
        }
        return kind
    }

    /// What there is to say while nothing has fired.
    func idleDecision(at moment: Instant) -> Decision {
        for (watch, finding) in zip(self.watches, self.findings) {
            if case .holding(let since, let until) = finding {
                let held = moment.elapsed(since: since)
                return self.decision(
                    .holding,
                    at: moment,
                    "'\(watch.trigger.condition.text)' holds since \(held.rounded) ago; it must for \(watch.trigger.holdsFor), "
                        + "that is \(until.elapsed(since: moment).rounded) more"
                )
            }
        }
        for (watch, finding) in zip(self.watches, self.findings) {
            if case .unknown(let reason) = finding {
                return self.decision(
                    .unknown,
                    at: moment,
                    "whether '\(watch.trigger.condition.text)' holds cannot be told: \(reason)"
                )
            }
        }
        let conditions = self.watches.map { "'\($0.trigger.condition.text)' does not hold" }
        let alerts = (self.plan.alerts ?? []).map {
            $0.kind == .cron ? "'\($0.text)' has not come" : "no '\($0.text)' asks for it"
        }
        return self.decision(.quiet, at: moment, (conditions + alerts).joined(separator: ", "))
    }

    func decision(_ kind: Decision.Kind, at moment: Instant, _ reason: String) -> Decision {
        Decision(runbook: self.name, kind: kind, at: moment, reason: reason)
    }
}

extension Plan {
    /// Why a run of it cannot be started by itself, if it cannot.
    package func obstacleToWatching(_ settings: WatchSettings) -> String? {
        let alerts = self.alerts ?? []
        guard !self.triggers.isEmpty || !alerts.isEmpty else {
            return "it has no 'triggers:', so nothing would ever start it"
        }
        let isGiven = { (parameter: PlanParameter) in
            self.triggers.isEmpty && alerts.allSatisfy { $0.parameters.contains { $0.name == parameter.name } }
        }
        let missing = self.parameters.first { $0.kind == .secret || $0.defaultValue == nil && !isGiven($0) }
        if let parameter = missing {
            let what = parameter.kind == .secret ? "is a secret" : "has no default"
            return "the parameter '\(parameter.name)' \(what), and nobody is there to give it when a trigger fires"
        }
        guard self.autonomy != .approve || !settings.askFrom.isEmpty else {
            return "'autonomy: approve' asks people before it starts; say whom: "
                + "'watch: { ask: { from: [role:on_call] } }'"
        }
        return nil
    }
}
