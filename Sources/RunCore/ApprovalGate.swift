// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
package import RunVocabulary

/// Decides whether enough of the right people agreed to one exact action.
///
/// ```
///              quorum reached
///     open ───────────────────▶ granted
///       │  denied, or silence until the deadline
///       └─────────────────────▶ refused
/// ```
///
/// One denial closes the gate. A vote counts if the voter may answer, did not ask for the run (unless that is allowed), has
/// not voted yet, and quotes the digest of what the gate shows. The step machine takes the gate away when the run is cancelled.
package struct ApprovalGate: Hashable, Sendable {
    package enum Answer: Hashable, Sendable {
        case counted(have: Int)
        case granted(by: [PersonName])
        case denied(by: PersonName)
        /// The deadline had passed when the vote came, and before its timer: the engine slept.
        case tooLate
        case ignored(VoteRefusal)
    }

    package let gate: Gate
    private let requester: PersonName
    private let requesterMayApprove: Bool
    private var granted: [PersonName] = []

    package init(gate: Gate, requester: PersonName, requesterMayApprove: Bool) {
        precondition(gate.needed > 0, "the compiler rejects a gate that needs nobody")
        self.gate = gate
        self.requester = requester
        self.requesterMayApprove = requesterMayApprove
    }

    package var grantedBy: [PersonName] {
        self.granted
    }

    package mutating func handle(_ vote: Vote, at moment: Instant) -> Answer {
        guard moment < self.gate.deadline else {
            return .tooLate
        }
        if let refusal = self.refusal(of: vote) {
            return .ignored(refusal)
        }
        guard vote.decision == .granted else {
            return .denied(by: vote.person)
        }
        self.granted.append(vote.person)
        return self.granted.count >= self.gate.needed ? .granted(by: self.granted) : .counted(have: self.granted.count)
    }

    private func refusal(of vote: Vote) -> VoteRefusal? {
        guard vote.digest == self.gate.digest else {
            return .otherDigest
        }
        guard self.gate.from.contains(where: { Self.admits($0, vote) }) else {
            return .notAnApprover
        }
        guard vote.person != self.requester || self.requesterMayApprove else {
            return .ownRequest
        }
        // Whoever granted may think better of it: a no counts at any time, a second yes does not.
        return vote.decision == .granted && self.granted.contains(vote.person) ? .duplicate : nil
    }

    private static func admits(_ approver: Approver, _ vote: Vote) -> Bool {
        switch approver {
        case .role(let role): vote.roles.contains(role)
        case .person(let person): vote.person == person
        }
    }
}

/// Why a vote did not count.
package enum VoteRefusal: String, Hashable, Sendable {
    case otherDigest = "it was given for something else than the gate shows"
    case notAnApprover = "they are not among those who may answer"
    case ownRequest = "they asked for the run themselves"
    case duplicate = "they have voted already"
    case gateNotOpen = "no gate is open there"
}
