// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// What is proved: the runbook's own properties, and those that every runbook must have.
package enum Property: Hashable, Sendable {
    /// By its place in the runbook's list.
    case own(Int)
    case everyPathEnds
    case everyStepCanBeReached
    case nothingIsRepeatedBlindly
    case dataLossIsApproved
    case quorumIsNotBrokenByUs
    case noDataIsLostByUs
    case aPersonIsTold

    package static let builtIn: [Property] = [
        .everyPathEnds, .everyStepCanBeReached, .nothingIsRepeatedBlindly, .dataLossIsApproved,
        .quorumIsNotBrokenByUs, .noDataIsLostByUs, .aPersonIsTold,
    ]
}

/// A property that does not hold, with what was seen.
struct Finding: Hashable, Sendable {
    var property: Property
    var text: String
}

/// The properties of one plan, prepared so that a path can remember what they need in a few bits.
struct PropertyRules: Sendable {
    struct Never: Sendable {
        var property: Property
        var step: StepName
        var condition: Expression
        var isAboutTruth: Bool
    }

    let plan: Plan
    /// Steps whose success is remembered, by bit.
    private(set) var remembered: [StepName] = []
    /// Channels whose use is remembered, by bit.
    private(set) var channels: [String] = []
    private(set) var nevers: [Never] = []
    let places: [StepName: Place]
    /// Steps that look or act: being told before them is not being told of what they came to.
    let working: Set<StepName>
    private let notices: Set<StepName>
    private let gates: Set<StepName>

    init(_ plan: Plan) {
        self.plan = plan
        self.places = Dictionary(plan.states.map { ($0.state.step, $0.state.place) }) { first, _ in first }
        self.working = Set(plan.states.filter { $0.state.action.isWork }.map(\.state.step))
        self.notices = Set(plan.states.filter { $0.state.action.verb == "notify" }.map(\.state.step))
        self.gates = Set(plan.states.filter { $0.state.action.verb == "approve" }.map(\.state.step))
        for (index, property) in plan.properties.enumerated() {
            switch property {
            case .neverStep(let step, let condition):
                self.nevers.append(
                    Never(property: .own(index), step: step, condition: condition, isAboutTruth: false)
                )
            case .neverInTruth(let step, let condition):
                self.nevers.append(Never(property: .own(index), step: step, condition: condition, isAboutTruth: true))
            case .before(let first, _): self.remember(first)
            case .everyPathPasses(let step, _): self.remember(step)
            case .afterInDoubt(_, let remedy): self.remember(remedy)
            case .everyPathNotifies(let channel, _):
                if !self.channels.contains(channel) {
                    self.channels.append(channel)
                }
            case .atMost, .everyPathEndsWithin, .possible, .neverTogether: break
            }
        }
    }

    private mutating func remember(_ step: StepName) {
        if !self.remembered.contains(step) {
            self.remembered.append(step)
        }
    }

    func isNotice(_ step: StepName) -> Bool {
        self.notices.contains(step)
    }

    func isGate(_ step: StepName) -> Bool {
        self.gates.contains(step)
    }

    func bit(of step: StepName) -> UInt64? {
        self.remembered.firstIndex(of: step).map { 1 << UInt64($0) }
    }

    func bit(ofChannel channel: String) -> UInt64? {
        self.channels.firstIndex(of: channel).map { 1 << UInt64($0) }
    }
}

extension PlanAction {
    fileprivate var isWork: Bool {
        switch self {
        case .probe, .wait, .run, .request, .approve, .call, .pause: true
        case .notify, .choose, .parallel, .forEach, .set, .finish: false
        }
    }
}

extension StepKey {
    /// The steps it stands in, outermost first, without iterations and visits: `start[2]/begin#2` is `start`, `begin`.
    var steps: [StepName] {
        self.text.split(separator: "/").map { part in StepName(String(part.prefix { $0 != "[" && $0 != "#" })) }
    }

    var step: StepName {
        self.steps.last ?? StepName("")
    }

    /// Whether it belongs to the list at the very end, which cleans up.
    var isFinal: Bool {
        self.text.hasPrefix("finally/")
    }
}
