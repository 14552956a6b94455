// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
package import RunVocabulary

/// Something that a run decided, reduced to what makes a difference.
///
/// Two decisions are the same if the same is done to the same nodes at the same step, whatever the reasons say: those quote the runbook. Time
/// limits are no part of it either; they make a difference when they are reached, and then it is another decision that differs.
package struct Decision: Sendable {
    package enum Kind: String, Hashable, Sendable {
        case entered
        case left
        case targetLeft = "target_left"
        case retrying
        case halted
        case asked
        case sent
        case inquired
        case stopped
        case gateOpened = "gate_opened"
        case gateClosed = "gate_closed"
        case voteCounted = "vote_counted"
        case inDoubt = "in_doubt"
        case told
        case stopping
        case finished
    }

    package let kind: Kind
    package let step: StepKey?
    package let text: String
    /// The effect without what makes no difference.
    private let essence: RunEffect
}

extension Decision: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        left.essence == right.essence
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.essence)
    }
}

extension Decision {
    private init(_ kind: Kind, _ step: StepKey?, _ essence: RunEffect, _ text: String) {
        self.kind = kind
        self.step = step
        self.essence = essence
        self.text = text
    }

    /// Nothing for what is said and changes nothing.
    init?(_ effect: RunEffect) {
        switch effect {
        case .observe(_, let nodes):
            let names = nodes.map(\.text).joined(separator: ", ")
            self.init(.asked, nil, .observe(RequestID(0), nodes: nodes), "looks at \(names)")
        case .probe(_, let order):
            var same = order
            same.timeout = .zero
            self.init(.asked, nil, .probe(RequestID(0), same), "asks \(order.whom): \(order.question.text)")
        case .act(let act): self.init(.sent, act.step, .act(act.essence), "sends \(act.shown)")
        case .inquire(let act):
            self.init(.inquired, act.step, .inquire(act.essence), "asks what became of \(act.shown)")
        case .stop(let effect): self.init(.stopped, nil, .stop(effect), "stops \(effect)")
        case .openGate(let gate):
            var same = gate
            same.digest = ""
            same.deadline = Instant(milliseconds: 0)
            let who = gate.from.map(\.text).joined(separator: ", ")
            self.init(.gateOpened, gate.step, .openGate(same), "\(gate.step) asks \(who): \(gate.message)")
        case .closeGate(let step): self.init(.gateClosed, step, .closeGate(step), "\(step) asks no more")
        case .tell(let notice):
            let channels = notice.channels.joined(separator: ", ")
            self.init(.told, notice.step, .tell(notice), "tells \(channels): \(notice.message)")
        case .finish(let outcome, let reason):
            let why = reason.isEmpty ? "" : ": \(reason)"
            let text = "ends \(outcome.rawValue)\(why)"
            self.init(.finished, nil, .finish(outcome, reason: ""), text)
        case .note(let note): self.init(note)
        }
    }

    private init?(_ note: RunNote) {
        switch note {
        case .entered(let step, let verb, _):
            self.init(.entered, step, .note(.entered(step, verb: verb, title: nil)), "enters \(step) (\(verb))")
        case .left(let step, let outcome, let reason):
            let text = "\(step) \(outcome.rawValue)\(Self.why(reason))"
            self.init(.left, step, .note(.left(step, outcome, reason: nil)), text)
        case .targetEnded(let step, let target, let outcome, let reason):
            let place = target?.text ?? "this machine"
            let text = "\(step) on \(place): \(outcome.rawValue)\(Self.why(reason))"
            self.init(.targetLeft, step, .note(.targetEnded(step, target, outcome, reason: nil)), text)
        case .retrying(let step, let target, let attempt, let moment, let reason):
            let place = target.map { " on \($0)" } ?? ""
            let same = RunNote.retrying(step, target, attempt: attempt, at: moment, reason: "")
            self.init(.retrying, step, .note(same), "\(step)\(place): attempt \(attempt)\(Self.why(reason))")
        case .halted(let step, let reason):
            self.init(.halted, step, .note(.halted(step, reason: "")), "\(step) halts\(Self.why(reason))")
        case .voteCounted(let step, let vote, let have, let needed):
            var same = vote
            same.digest = ""
            let text = "\(step): \(vote.person) \(vote.decision.rawValue), \(have) of \(needed)"
            self.init(.voteCounted, step, .note(.voteCounted(step, same, have: have, needed: needed)), text)
        case .inDoubt(let step, let target, let reason):
            let place = target.map { " on \($0)" } ?? ""
            let text = "\(step)\(place) is in doubt\(Self.why(reason))"
            self.init(.inDoubt, step, .note(.inDoubt(step, target, reason: "")), text)
        case .stopping(let reason):
            self.init(.stopping, nil, .note(.stopping(reason: "")), "stops what is under way\(Self.why(reason))")
        // A choice shows in the step that is entered next; its words quote the runbook.
        case .chose, .waiting, .ignored: return nil
        }
    }

    private static func why(_ reason: String?) -> String {
        reason.map { $0.isEmpty ? "" : ": \($0)" } ?? ""
    }
}

extension Act {
    fileprivate var essence: Act {
        var same = self
        same.timeout = .zero
        return same
    }

    var shown: String {
        let attempt = self.attempt > 1 ? ", attempt \(self.attempt)" : ""
        return "\(self.summary) to \(self.target?.text ?? "this machine")\(attempt)"
    }
}

extension ProbeOrder {
    var whom: String {
        self.targets.isEmpty ? "from this machine" : self.targets.map(\.text).joined(separator: ", ")
    }
}

extension ProbeOrder.Question {
    var text: String {
        switch self {
        case .tcp(let port): "tcp port \(port)"
        case .http(let url, let port, let path): "http \(url ?? "\(port.map { ":\($0)" } ?? "")\(path)")"
        case .zookeeper(let questions): "zookeeper \(questions.map(\.rawValue).joined(separator: ", "))"
        case .kafka(let questions): "kafka \(questions.map(\.rawValue).joined(separator: ", "))"
        case .tls(let question): "tls \(question.place)"
        case .prometheus(let question): "prometheus \(question.query)"
        case .dns(let question): "dns \(question.name) \(question.type.rawValue)"
        case .jmx(let question): "jmx \(question.place)"
        case .ssh(let words): "ssh \(words.joined(separator: " "))"
        }
    }
}
