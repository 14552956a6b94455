// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What an operator says to a run, from another terminal or to a store that nobody holds.
package enum OperatorRequest: Hashable, Sendable, Codable {
    case vote(run: String, step: String, decision: VoteDecision, digest: String?, comment: String, speakingFor: String?)
    case cancel(run: String, because: String)
    case settle(run: String, step: String, target: String?, happened: Bool, because: String)

    package enum VoteDecision: String, Hashable, Sendable, Codable {
        case granted
        case denied
    }

    package var run: String {
        switch self {
        case .vote(let run, _, _, _, _, _), .cancel(let run, _), .settle(let run, _, _, _, _): run
        }
    }
}

/// What became of it, as a sentence.
package struct OperatorAnswer: Hashable, Sendable, Codable {
    package var isDone: Bool
    package var text: String

    package init(isDone: Bool, text: String) {
        self.isDone = isDone
        self.text = text
    }

    package static func done(_ text: String) -> Self {
        Self(isDone: true, text: text)
    }

    package static func refused(_ text: String) -> Self {
        Self(isDone: false, text: text)
    }
}
