// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunVocabulary
package import SelfhealConfiguration
import WorldAdapters

/// A run that can be looked at and spoken to, whether an engine drives it or it rests in the store.
package protocol ReachableRun: Sendable {
    var id: RunID { get }
    /// The machine as it is after the last event.
    func machine() async throws -> RunMachine
    /// Makes the event durable and hands it to the run; says whether the run took it.
    func submit(_ event: @escaping @Sendable (Instant) -> RunEvent) async throws -> Bool
}

/// Decides who may say what to a run, and tells them what became of it.
///
/// The same rules hold for the engine, which asks the kernel who is at the other end of its socket, and for a command that holds the idle store.
package struct OperatorDesk: Sendable {
    private let people: [Person]
    private let allowsSpeakingForOthers: Bool

    package init(configuration: SelfhealConfiguration) {
        self.people = configuration.people
        self.allowsSpeakingForOthers = configuration.allowsSpeakingForOthers
    }

    /// The person behind a user of this machine.
    package func person(unixUser: String?) -> Person? {
        self.people.first { $0.unixUser != nil && $0.unixUser == unixUser }
    }

    package func answer(
        _ request: OperatorRequest,
        from unixUser: String?,
        about run: any ReachableRun
    ) async throws -> OperatorAnswer {
        switch request {
        case .vote(_, let step, let decision, let digest, let comment, let other):
            switch self.voter(unixUser, speakingFor: other) {
            case .failure(let refusal): return .refused(refusal.text)
            case .success(let person):
                let cast = Cast(person: person, decision: decision, digest: digest, comment: comment)
                return try await self.vote(cast, at: StepKey(step), of: run)
            }
        case .cancel(_, let because):
            switch self.speaker(unixUser) {
            case .failure(let refusal): return .refused(refusal.text)
            case .success(let name): return try await self.cancel(run, by: name, because: because)
            }
        case .settle(_, let step, let target, let happened, let because):
            guard let person = self.person(unixUser: unixUser) else {
                return .refused(self.stranger(unixUser))
            }
            let settlement = Settlement(
                target: target.map { NodeName($0) },
                happened: happened,
                by: person.name,
                because: because
            )
            return try await self.settle(settlement, at: StepKey(step), of: run)
        }
    }

    // MARK: Who

    /// Who speaks, if they are somebody: a person of the configuration, or the user that the engine runs as.
    func speaker(_ unixUser: String?) -> Result<PersonName, Refusal> {
        guard self.person(unixUser: unixUser) != nil || (unixUser != nil && unixUser == UnixUser.current) else {
            return .failure(Refusal(text: self.stranger(unixUser)))
        }
        return .success(self.name(of: unixUser))
    }

    struct Refusal: Error {
        let text: String
    }

    private func voter(_ unixUser: String?, speakingFor other: String?) -> Result<Person, Refusal> {
        guard let other else {
            return self.person(unixUser: unixUser).map { .success($0) }
                ?? .failure(Refusal(text: self.stranger(unixUser)))
        }
        guard self.allowsSpeakingForOthers else {
            return .failure(Refusal(text: "speaking for somebody else is for the practice cluster alone"))
        }
        guard let person = self.people.first(where: { $0.name.text == other }) else {
            let known = self.people.map(\.name.text).sorted().joined(separator: ", ")
            return .failure(Refusal(text: "nobody is called '\(other)'; people are \(known)"))
        }
        return .success(person)
    }

    private func name(of unixUser: String?) -> PersonName {
        self.person(unixUser: unixUser)?.name ?? PersonName(unixUser ?? "unknown")
    }

    private func stranger(_ unixUser: String?) -> String {
        let user = unixUser ?? "unknown"
        return
            "the user '\(user)' is nobody in the configuration; add '- { name: …, unix_user: \(user) }' under 'people:'"
    }

    // MARK: What

    private struct Cast: Sendable {
        let person: Person
        let decision: OperatorRequest.VoteDecision
        let digest: String?
        let comment: String
    }

    private func vote(_ cast: Cast, at step: StepKey, of run: any ReachableRun) async throws -> OperatorAnswer {
        let machine = try await run.machine()
        guard let gate = machine.openGates.first(where: { $0.gate.step == step })?.gate else {
            let open = machine.openGates.map { "'\($0.gate.step)'" }.joined(separator: ", ")
            let hint = open.isEmpty ? "no gate of it is open" : "open is \(open)"
            return .refused("run \(run.id) does not wait for an approval at '\(step)': \(hint)")
        }
        let vote = Vote(
            person: cast.person.name,
            roles: cast.person.roles,
            decision: cast.decision == .granted ? .granted : .denied,
            digest: cast.digest ?? gate.digest,
            comment: cast.comment
        )
        let forecast = try Self.notes(of: machine) { .voted(step, vote, at: $0) }
        guard try await run.submit({ .voted(step, vote, at: $0) }) else {
            return .refused("run \(run.id) has ended")
        }
        for note in forecast {
            switch note {
            case .ignored(.vote(_, let person, let refusal)):
                return .refused("the vote of \(person) does not count: \(refusal.rawValue)")
            case .voteCounted(_, let vote, let have, let needed):
                return .done("\(vote.person) approved '\(step)': \(have) of \(needed)")
            case .left(step, _, let reason) where cast.decision == .granted:
                return .refused("too late: \(reason ?? "the gate is closed")")
            default: continue
            }
        }
        return .done("\(cast.person.name) denied '\(step)'")
    }

    private func cancel(
        _ run: any ReachableRun,
        by name: PersonName,
        because: String
    ) async throws -> OperatorAnswer {
        let machine = try await run.machine()
        if let outcome = machine.outcome {
            return .refused("run \(run.id) has ended: \(outcome.rawValue)")
        }
        let flying = machine.inFlight.map { "\($0.summary) on \($0.target?.text ?? "this machine")" }
        guard try await run.submit({ .cancelRequested(by: name, because: because, at: $0) }) else {
            return .refused("run \(run.id) has ended")
        }
        let tail = flying.isEmpty ? "nothing is in flight" : "being stopped: \(flying.joined(separator: ", "))"
        return .done("run \(run.id) is being cancelled; \(tail)")
    }

    private func settle(
        _ settlement: Settlement,
        at step: StepKey,
        of run: any ReachableRun
    ) async throws -> OperatorAnswer {
        let machine = try await run.machine()
        let known = machine.outcome == nil ? machine.doubts : machine.leftInDoubt
        let doubts = known.filter { $0.step == step }
        guard !doubts.isEmpty else {
            let all = known.map { "'\($0.step)'" }.joined(separator: ", ")
            let hint = all.isEmpty ? "nothing of it is" : "in doubt is \(all)"
            return .refused("'\(step)' of run \(run.id) is not in doubt: \(hint)")
        }
        if settlement.target == nil, doubts.count > 1 {
            let targets = doubts.compactMap { $0.target?.text }.joined(separator: ", ")
            return .refused("several targets are in doubt: name one of \(targets) with --target")
        }
        if let target = settlement.target, !doubts.contains(where: { $0.target == target }) {
            return .refused("'\(target)' is not in doubt at '\(step)'")
        }
        guard try await run.submit({ .settled(step, settlement, at: $0) }) else {
            return .refused("run \(run.id) has ended")
        }
        return .done("'\(step)' is settled: it \(settlement.happened ? "happened" : "did not happen")")
    }

    /// What the machine would say to an event that came now, without telling it.
    private static func notes(
        of machine: RunMachine,
        _ event: (Instant) -> RunEvent
    ) throws -> [RunNote] {
        var copy = machine
        let effects = try copy.handle(event(SystemWallClock().now))
        return effects.compactMap { effect in
            if case .note(let note) = effect { note } else { nil }
        }
    }
}
