// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// One request over HTTP, sent by the engine itself.
package struct RequestAction: Hashable, Sendable, Codable {
    package var method: String
    package var url: Template
    package var headers: [NamedTemplate]
    package var body: Template?
    package var effect: EffectClass
    /// The statuses that mean that it was done.
    package var expected: [ClosedRange<Int>]
    /// *Guarded*: the same `Idempotency-Key` makes the other side do it at most once, however often it is sent.
    package var repeating: RepeatPolicy
    /// Per attempt.
    package var timeout: Milliseconds
    package var verify: Verify?

    package init(
        method: String,
        url: Template,
        headers: [NamedTemplate],
        body: Template?,
        effect: EffectClass,
        expected: [ClosedRange<Int>],
        repeating: RepeatPolicy,
        timeout: Milliseconds,
        verify: Verify?
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.effect = effect
        self.expected = expected
        self.repeating = repeating
        self.timeout = timeout
        self.verify = verify
    }
}

/// What commands and requests have in common: how an act is carried to its end.
package struct ActingSpecification: Hashable, Sendable {
    package var effect: EffectClass
    package var repeating: RepeatPolicy
    package var timeout: Milliseconds
    package var verify: Verify?
}

extension PlanAction {
    /// How the act is carried out; nothing for a verb that does not act.
    package var acting: ActingSpecification? {
        switch self {
        case .run(let action):
            ActingSpecification(
                effect: action.effect,
                repeating: action.repeating,
                timeout: action.timeout,
                verify: action.verify
            )
        case .request(let action):
            ActingSpecification(
                effect: action.effect,
                repeating: action.repeating,
                timeout: action.timeout,
                verify: action.verify
            )
        case .probe, .wait, .approve, .notify, .choose, .forEach, .parallel, .call, .set, .pause, .finish: nil
        }
    }
}
