// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// A compiled runbook: the state machine that is drawn, proved, rehearsed and executed.
///
/// A plan is a value without behaviour. Its states stand in regions: the main list of steps, the body of each `for_each`,
/// the `on_failure` and the `finally` lists. A state says what is done and, for every outcome, what comes next in its own
/// region; `next` never leaves a region, so a region is a machine by itself.
///
/// Everything that decides what is done is in here, and nothing else: the digest of the canonical JSON is what a run is
/// pinned to and what an approval is bound to.
package struct Plan: Hashable, Sendable, Codable {
    /// Raised when older engines could not read or would misread a plan.
    package static let formatVersion = 1

    package var format = Plan.formatVersion
    package var runbook: String
    package var title: String
    package var severity: Severity
    package var owner: String?
    /// Where the runbook was read from, for places in messages; no part of its meaning.
    package var source: String
    package var parameters: [PlanParameter] = []
    /// What the configuration decides; nothing when it reads none.
    package var settings: [PlanSetting]?
    /// The other clusters that its expressions name; nothing when there are none.
    package var clusters: [PlanClusterName]?
    package var selections: [Selection] = []
    package var locks: [PlanLock] = []
    package var autonomy: Autonomy = .approve
    /// Written for more than the panic threshold being down.
    package var isForMassFailure = false
    /// How old facts may be when a guard is evaluated.
    package var fresh = Milliseconds.seconds(10)
    /// The longest the run may take in all.
    package var deadline: Milliseconds?
    package var triggers: [PlanTrigger] = []
    /// Triggers that are sent to us, and times; nothing when there are none.
    package var alerts: [PlanAlert]?
    package var properties: [PlanProperty] = []
    /// What its proof assumes; nothing when it says nothing of it.
    package var assumptions: PlanAssumptions?
    package var regions: [PlanRegion]
    package var onFailure: RegionID?
    /// Whether what happened is undone before `on_failure` is walked; nothing means no.
    package var undoesOnFailure: Bool?
    package var finally: RegionID?

    package init(runbook: String, title: String, severity: Severity, source: String, regions: [PlanRegion]) {
        self.runbook = runbook
        self.title = title
        self.severity = severity
        self.source = source
        self.regions = regions
    }

    package static let main = RegionID(0)

    package subscript(region: RegionID) -> PlanRegion {
        self.regions[region.index]
    }

    package subscript(state: StateID) -> PlanState {
        self.regions[state.region.index].states[state.index]
    }

    package func selection(named name: String) -> Selection? {
        self.selections.first { $0.name == name }
    }

    package var stateCount: Int {
        self.regions.reduce(0) { $0 + $1.states.count }
    }

    /// Every state of every region, in the order the runbook has them.
    package var states: [(id: StateID, state: PlanState)] {
        self.regions.flatMap { region in
            region.states.enumerated().map { (StateID(region: region.id, index: $0.offset), $0.element) }
        }
    }
}

package struct RegionID: Hashable, Sendable, Codable {
    package let index: Int

    package init(_ index: Int) {
        self.index = index
    }

    package init(from decoder: any Decoder) throws {
        self.index = try decoder.singleValueContainer().decode(Int.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.index)
    }
}

package struct StateID: Hashable, Sendable, Codable {
    package let region: RegionID
    package let index: Int

    package init(region: RegionID, index: Int) {
        self.region = region
        self.index = index
    }
}

package enum RegionRole: String, Hashable, Sendable, Codable {
    case main
    case loop
    /// A branch of `parallel`.
    case branch
    /// The main list of a runbook that is called.
    case called
    /// The one step that undoes another.
    case undo
    case onFailure = "on_failure"
    case finally
}

/// A list of states that is entered at its first and left at its end.
package struct PlanRegion: Hashable, Sendable, Codable {
    package var id: RegionID
    package var role: RegionRole
    package var states: [PlanState]

    package init(id: RegionID, role: RegionRole, states: [PlanState]) {
        self.id = id
        self.role = role
        self.states = states
    }
}

/// One step: what is done, under which guards and bounds, and where each outcome leads.
package struct PlanState: Hashable, Sendable, Codable {
    package var step: StepName
    package var title: String?
    package var place: Place
    package var action: PlanAction
    /// Skip unless this holds; unknown refuses.
    package var when: Expression?
    /// Refuse unless this holds; evaluated before each target, immediately before the act, on fresh facts.
    package var require: Expression?
    package var retry: Retry?
    package var deadline: Milliseconds?
    /// The timeout of its action, where only the parameters or earlier steps tell it; it takes the place of the action's own.
    package var timeout: Expression?
    /// The pause between the iterations of its loop, likewise.
    package var pause: Expression?
    /// What undoes it; walked only when the runbook fails and says that it undoes.
    package var undo: RegionID?
    /// How often the state may be entered in one run of its region; a jump back needs more than one.
    package var maxVisits = 1
    package var routes: Routes

    package init(step: StepName, place: Place, action: PlanAction, routes: Routes) {
        self.step = step
        self.place = place
        self.action = action
        self.routes = routes
    }
}

/// Where each outcome of a state leads.
///
/// `skipped` goes where `succeeded` goes. `cancelled` is no route: it ends the run. A missing `inDoubt` means that the run
/// waits for a person instead of going on.
package struct Routes: Hashable, Sendable, Codable {
    package var succeeded: Destination
    package var failed: Destination
    package var timedOut: Destination
    package var refused: Destination
    package var inDoubt: Destination?

    package init(succeeded: Destination, otherwise: Destination) {
        self.succeeded = succeeded
        self.failed = otherwise
        self.timedOut = otherwise
        self.refused = otherwise
    }

    package func destination(of outcome: Outcome) -> Destination {
        switch outcome {
        case .succeeded, .skipped: self.succeeded
        case .failed: self.failed
        case .timedOut: self.timedOut
        case .refused: self.refused
        case .inDoubt: self.inDoubt ?? .fail
        case .cancelled: .fail
        }
    }
}

package enum Destination: Hashable, Sendable {
    /// Another state of the same region.
    case state(Int)
    /// The end of the region.
    case end
    /// The run fails: `on_failure`, then `finally`.
    case fail
}

extension Destination: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let index = try? container.decode(Int.self) {
            self = .state(index)
            return
        }
        switch try container.decode(String.self) {
        case "end": self = .end
        case "fail": self = .fail
        case let other:
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "no destination is called '\(other)'"
            )
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .state(let index): try container.encode(index)
        case .end: try container.encode("end")
        case .fail: try container.encode("fail")
        }
    }
}

/// A line and column of the runbook, both counted from one.
package struct Place: Hashable, Sendable, Codable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

package struct Retry: Hashable, Sendable, Codable {
    package enum Backoff: String, Hashable, Sendable, Codable, CaseIterable {
        case fixed
        case exponential
    }

    /// How many times in all, the first one included.
    package var attempts: Int
    package var backoff: Backoff
    package var initial: Milliseconds
    package var max: Milliseconds
    package var jitter: Bool
    /// No attempt begins later than this after the first one.
    package var within: Milliseconds?

    package init(attempts: Int, backoff: Backoff, initial: Milliseconds, max: Milliseconds, jitter: Bool) {
        self.attempts = attempts
        self.backoff = backoff
        self.initial = initial
        self.max = max
        self.jitter = jitter
    }

    /// The longest wait before attempt `number`, counted from one; jitter only shortens it.
    package func wait(before number: Int) -> Milliseconds {
        switch self.backoff {
        case .fixed: return self.initial
        case .exponential:
            let doublings = Swift.min(Swift.max(number - 2, 0), 30)
            return Swift.min(self.initial * (1 << doublings), self.max)
        }
    }
}

package struct PlanParameter: Hashable, Sendable, Codable {
    package enum Kind: Hashable, Sendable, Codable {
        case string
        case int
        case bool
        case duration
        case choice(values: [String])
        /// Known to nobody but who it is for: a run keeps where it is found, and not what it is.
        case secret
    }

    package var name: String
    package var kind: Kind
    /// Without one, the parameter must be given.
    package var defaultValue: Fact?
    package var description: String?

    package init(name: String, kind: Kind, defaultValue: Fact?, description: String?) {
        self.name = name
        self.kind = kind
        self.defaultValue = defaultValue
        self.description = description
    }
}

/// A named list of nodes: those of the inventory that fit every condition given.
package struct Selection: Hashable, Sendable, Codable {
    package var name: String
    package var role: String?
    package var datacenter: Template?
    /// The names that stand there; those that a parameter tells are beside them.
    package var nodes: [NodeName]?
    package var computedNodes: [Template]?

    package init(
        name: String,
        role: String? = nil,
        datacenter: Template? = nil,
        nodes: [NodeName]? = nil,
        computedNodes: [Template]? = nil
    ) {
        self.name = name
        self.role = role
        self.datacenter = datacenter
        self.nodes = nodes
        self.computedNodes = computedNodes
    }
}

package struct PlanLock: Hashable, Sendable, Codable {
    package var name: String
    package var wait: Milliseconds

    package init(name: String, wait: Milliseconds) {
        self.name = name
        self.wait = wait
    }
}

package enum Autonomy: String, Hashable, Sendable, Codable, CaseIterable {
    case observe
    case approve
    case automatic
}

package struct PlanTrigger: Hashable, Sendable, Codable {
    package var condition: Expression
    package var holdsFor: Milliseconds
    package var cooldown: Milliseconds?
    package var limit: Int?
    package var limitWindow: Milliseconds?

    package init(condition: Expression, holdsFor: Milliseconds) {
        self.condition = condition
        self.holdsFor = holdsFor
    }
}

/// An alert or a webhook that starts the runbook when it is sent to us, or a time.
package struct PlanAlert: Hashable, Sendable, Codable {
    package enum Kind: String, Hashable, Sendable, Codable {
        /// From Alertmanager, by the label `alertname`.
        case alert
        /// Sent to `/webhooks/NAME`.
        case webhook
        /// By the clock: the name is the time in the five fields of cron, and the label `timezone` says whose clock.
        case cron
    }

    /// What becomes of a time that came while nobody watched.
    package enum CatchUp: String, Hashable, Sendable, Codable, CaseIterable {
        case skip
        /// However many there were.
        case once
    }

    package static let timezoneLabel = "timezone"

    package struct Pair: Hashable, Sendable, Codable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var kind: Kind
    package var name: String
    /// Labels that it must have, each with its value.
    package var labels: [Pair]
    /// Which parameter takes the value of which label.
    package var parameters: [Pair]
    /// Of a time alone.
    package var catchUp: CatchUp?
    package var cooldown: Milliseconds?
    package var limit: Int?
    package var limitWindow: Milliseconds?

    package init(kind: Kind, name: String, labels: [Pair], parameters: [Pair]) {
        self.kind = kind
        self.name = name
        self.labels = labels
        self.parameters = parameters
    }

    /// Whose clock says when it is time.
    package var timezone: String {
        self.labels.first { $0.name == Self.timezoneLabel }?.value ?? "UTC"
    }

    /// As one would write it: `alert: KafkaBrokerDown`.
    package var text: String {
        "\(self.kind.rawValue): \(self.name)"
    }
}

/// What must hold on every path; checked for meaning when the runbook is compiled, and proved by the verifier.
package enum PlanProperty: Hashable, Sendable, Codable {
    case neverStep(step: StepName, unless: Expression)
    /// Judged on the world itself instead of on what the run had seen.
    case neverInTruth(step: StepName, unless: Expression)
    /// No act of one while an act of the other is under way; a step named twice: no two acts of it.
    case neverTogether([StepName])
    case before(first: StepName, then: StepName)
    case atMost(downByUs: Int, of: String)
    case everyPathNotifies(channel: String, unless: RunOutcome?)
    case everyPathEndsWithin(Milliseconds)
    case everyPathPasses(step: StepName, unless: RunOutcome?)
    /// Once an act of the step is in doubt, nothing else is done before the remedy has succeeded.
    case afterInDoubt(step: StepName, remedy: StepName)
    case possible(ends: RunOutcome)
}
