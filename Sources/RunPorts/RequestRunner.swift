// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunVocabulary

/// Sends requests over HTTP from the engine itself.
///
/// A status is reported as an exit status. What is reported for a request that got no complete answer must be true: `notSent` only if not a
/// byte of it can have been acted upon, `inDoubt` whenever the other side may have acted and the act changes the world. A request that only
/// reads, or is safe to repeat, and was not answered has ended with the status 0.
package protocol RequestRunner: Sendable {
    func send(_ act: Act) async -> CommandReport
    /// Finds out what became of a request that was sent in an earlier life.
    ///
    /// There is no receipt to ask for: only what may be repeated, or has an idempotency key, is sent again.
    func inquire(_ act: Act) async -> CommandReport
    /// Ends the request, if it is one that is under way; the answer comes as the report of `send` or `inquire`.
    ///
    /// - Returns: whether it was.
    func stop(_ effect: EffectID) async -> Bool
}

/// Of an engine that sends none.
package struct NoRequests: RequestRunner {
    package init() {}

    package func send(_ act: Act) async -> CommandReport {
        CommandReport(.notSent(reason: "this engine sends no requests"))
    }

    package func inquire(_ act: Act) async -> CommandReport {
        CommandReport(.inDoubt(reason: "this engine sends no requests"))
    }

    package func stop(_ effect: EffectID) async -> Bool {
        false
    }
}
