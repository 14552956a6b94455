// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What came back, before it is turned into a response or a receipt.
struct Answer: Sendable {
    var status: Int
    var headers: [HTTPHeader] = []
    var body: [UInt8] = []
    var dialogue = MailDialogue()
    var handshake: TLSHandshake.End?
}

/// One request or mail on its way, from being handed over to its only outcome.
///
/// ```
///     waiting ──beginSending──▶ sent
///        │                       │
///        └───────settle──────────┴──────▶ settled
/// ```
///
/// Two threads meet here: the one that cancels and the one that drives libcurl. Whoever settles first decides, and
/// nothing that could have an effect leaves after that, so an error that says "did not arrive" stays true.
final class Transfer: Sendable {
    enum Work: Sendable {
        case request(HTTPRequest, proxyUse: CurlTransfer.ProxyUse)
        case mail(MailEnvelope)
        case handshake(TLSHandshake, proving: Bool)
    }

    typealias Outcome = Result<Answer, TransferError>

    private struct State {
        var continuation: CheckedContinuation<Outcome, Never>?
        var outcome: Outcome?
        var isSent = false
    }

    let work: Work
    let target: TransferTarget
    let deadline: ContinuousClock.Instant
    /// The connections of a mail; a request's belong to libcurl, which keeps them for the next one.
    let sockets = SocketSet()
    private let submitted: ContinuousClock.Instant
    private let state = Mutex(State())

    init(_ work: Work, to target: TransferTarget, timeout: Duration) {
        self.work = work
        self.target = target
        self.submitted = .now
        self.deadline = self.submitted + timeout
    }

    /// Time since the transfer was handed over.
    var age: Duration { .now - self.submitted }

    var isSettled: Bool {
        self.state.withLock { $0.outcome != nil }
    }

    /// Whether somebody gave up on the transfer, as opposed to having its outcome.
    var isAbandoned: Bool {
        self.state.withLock { state in
            if case .failure = state.outcome { true } else { false }
        }
    }

    var isOverdue: Bool { .now >= self.deadline }

    var isSent: Bool {
        self.state.withLock { $0.isSent }
    }

    /// Takes the caller's continuation, or resumes it at once if the caller was cancelled before it began to wait.
    func attach(_ continuation: CheckedContinuation<Outcome, Never>) {
        let outcome = self.state.withLock { state in
            if state.outcome == nil { state.continuation = continuation }
            return state.outcome
        }
        if let outcome { continuation.resume(returning: outcome) }
    }

    /// Notes that from here on the other side may act, or says that it is too late to send anything.
    func beginSending() -> Bool {
        self.state.withLock { state in
            guard state.outcome == nil else { return false }
            state.isSent = true
            return true
        }
    }

    func settle(_ outcome: Outcome) {
        self.settle { _ in outcome }
    }

    func cancel() {
        self.settle { .failure(.cancelled(self.target.origin, requestMayHaveArrived: $0)) }
        if self.isAbandoned { self.sockets.hangUp() }
    }

    /// As ``cancel()``, because Selfheal is shutting down.
    func stop() {
        self.settle { .failure(.stopped(self.target.origin, requestMayHaveArrived: $0)) }
        if self.isAbandoned { self.sockets.hangUp() }
    }

    private func settle(_ decide: (_ isSent: Bool) -> Outcome) {
        let (continuation, outcome) = self.state.withLock { state -> (CheckedContinuation<Outcome, Never>?, Outcome) in
            if let earlier = state.outcome { return (nil, earlier) }
            let outcome = decide(state.isSent)
            state.outcome = outcome
            defer { state.continuation = nil }
            return (state.continuation, outcome)
        }
        // Outside the lock: what is resumed may come straight back here.
        continuation?.resume(returning: outcome)
    }
}
