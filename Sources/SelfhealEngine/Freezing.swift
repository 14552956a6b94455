// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import ClusterWatch
package import RunCore
import RunExecutor
package import RunJournal
import RunPlan
import RunPorts
package import RunVocabulary
import SelfhealConfiguration
import Synchronization
import WorldAdapters

/// What people say to an engine about no run of its own.
package enum WatchRequest: Hashable, Sendable, Codable {
    case freeze(because: String)
    case unfreeze
    /// Without a name, of every runbook that is watched.
    case why(runbook: String?)

    /// What there is to say to `why` where nobody watches.
    static let nobodyWatches = "nobody watches: 'selfheal serve' does not run on this store"
}

/// What an engine that watches is asked and told.
package struct AttachedWatch: Sendable {
    /// Says why runbooks did or did not start; nothing for a runbook that is not watched.
    let explain: @Sendable (_ runbook: String?) async -> String?
    /// Hears of a freeze, or of its end, once that is durable.
    let changed: @Sendable (Freeze?, PersonName) -> Void
}

/// Keeps a freeze in the store, where it outlives every engine and is read before each act.
package struct FreezeDesk: Sendable {
    private static let key = "freeze"

    let store: RunStore
    let desk: OperatorDesk

    package static func freeze(in store: RunStore) async throws -> Freeze? {
        guard let text = try await store.setting(self.key), !text.isEmpty else {
            return nil
        }
        return try JSONDecoding.decode(from: JSON(parsing: Array(text.utf8)))
    }

    /// - Returns: the answer; the person and what holds from now on are told to `changed` once they are durable.
    func answer(
        _ request: WatchRequest,
        from unixUser: String?,
        changed: (Freeze?, PersonName) -> Void = { _, _ in }
    ) async throws -> OperatorAnswer {
        let person: PersonName
        switch self.desk.speaker(unixUser) {
        case .failure(let refusal): return .refused(refusal.text)
        case .success(let name): person = name
        }
        let current = try await Self.freeze(in: self.store)
        switch request {
        case .freeze(let because):
            if let current {
                return .refused("it is \(current.text) already; 'selfheal unfreeze' lifts it")
            }
            let freeze = Freeze(by: person, because: because, since: SystemWallClock().now)
            try await self.store.setSetting(Self.key, to: JSONEncoding.encode(freeze).text)
            changed(freeze, person)
            return .done(
                "frozen: nothing is started and nothing that changes the world is sent until 'selfheal unfreeze'"
            )
        case .unfreeze:
            guard let current else {
                return .refused("nothing is frozen")
            }
            try await self.store.setSetting(Self.key, to: "")
            changed(nil, person)
            return .done("not frozen any more; it was \(current.text)")
        case .why: return .refused(WatchRequest.nobodyWatches)
        }
    }
}

extension Engine {
    /// The freeze that holds, if one does.
    package func freeze() async throws -> Freeze? {
        try await FreezeDesk.freeze(in: self.store)
    }

    /// Runs that a trigger started, the newest first, as far back as the store lists.
    package func triggeredRuns() async throws -> [TriggeredRun] {
        let subjects = try await self.store.alertSubjects()
        return try await self.store.runs(.latest(JournalLimits.runsPerListing))
            .filter { $0.requestedBy == Self.watchName.text }
            .map { summary in
                let isOver = summary.outcome != nil || summary.state == RunState.stopped.rawValue
                var run = TriggeredRun(
                    run: RunID(summary.id),
                    runbook: summary.runbook,
                    began: Instant(milliseconds: summary.createdAt),
                    ended: isOver ? Instant(milliseconds: summary.updatedAt) : nil,
                    outcome: summary.outcome.flatMap { RunOutcome(rawValue: $0) }
                )
                run.subject = subjects[summary.id].flatMap { $0.hasPrefix(Alert.cronMark) ? nil : $0 }
                run.isForCondition = subjects[summary.id] == nil
                run.isWaiting = summary.state == RunState.waitingForApproval.rawValue
                return run
            }
    }

    /// Tells a run that this engine drives that what it was started for is over; says whether it took it.
    package func tellCleared(_ run: RunID, what: String) async -> Bool {
        await self.handle(of: run)?.submit { .triggerCleared(what: what, at: $0) } ?? false
    }

    private static let watchedUntilKey = "watched_until"

    /// Until when somebody watched; nothing when nobody ever did.
    package func watchedUntil() async throws -> Instant? {
        try await self.store.setting(Self.watchedUntilKey).flatMap { Int64($0) }.map { Instant(milliseconds: $0) }
    }

    package func setWatchedUntil(_ moment: Instant) async throws {
        try await self.store.setSetting(Self.watchedUntilKey, to: "\(moment.milliseconds)")
    }

    /// Who asks for a run that a trigger starts: nobody's login and nobody's name, since neither has a space.
    package static let watchName: PersonName = "selfheal serve"

    /// Tells people something that is about no run.
    ///
    /// - Returns: the channels that could not be reached, with their reasons.
    package func announce(_ notice: WatchNotice, on channels: [String]) async -> [Delivery] {
        let moment = self.clock.now
        return await self.messenger.announce(
            ChannelMessenger.Announcement(
                id:
                    "watch-\(ContentDigest(of: Array(notice.message.utf8)).description.suffix(16))-\(moment.milliseconds)",
                runbook: notice.runbook ?? "watch",
                title: "Selfheal watches \(self.configuration.inventory.clusterName)",
                severity: notice.severity,
                message: notice.message
            ),
            on: channels,
            at: moment
        ).filter { $0.failure != nil }
    }

    /// From now on, who asks why gets their answer here, and whoever freezes or unfreezes is heard at once.
    package func attachWatch(
        explain: @escaping @Sendable (_ runbook: String?) async -> String?,
        changed: @escaping @Sendable (Freeze?, PersonName) -> Void
    ) {
        self.watch.withLock { $0 = AttachedWatch(explain: explain, changed: changed) }
    }

    func answer(_ request: WatchRequest, from unixUser: String?) async throws -> OperatorAnswer {
        let watch = self.watch.withLock { $0 }
        if case .why(let runbook) = request, let watch {
            guard let text = await watch.explain(runbook) else {
                return .refused(
                    "'\(runbook ?? "")' is not watched; the configuration's 'watch: { runbooks: […] }' says what is"
                )
            }
            return .done(text)
        }
        let desk = FreezeDesk(store: self.store, desk: self.desk)
        return try await desk.answer(request, from: unixUser) { watch?.changed($0, $1) }
    }
}

/// Sends nothing that changes the world while somebody holds a freeze.
///
/// What only reads is sent, and what runs already is not stopped.
struct FreezableCommands: CommandRunner {
    let base: any CommandRunner
    let store: RunStore

    func run(
        _ act: Act,
        on node: Node?,
        onOutput: @escaping @Sendable (CommandOutput) -> Void
    ) async -> CommandReport {
        if let report = await self.store.refusal(of: act) {
            return report
        }
        return await self.base.run(act, on: node, onOutput: onOutput)
    }

    func inquire(_ act: Act, on node: Node?) async -> CommandReport {
        await self.base.inquire(act, on: node)
    }

    func stop(_ effect: EffectID) async {
        await self.base.stop(effect)
    }
}

/// The same for requests over HTTP.
struct FreezableRequests: RequestRunner {
    let base: any RequestRunner
    let store: RunStore

    func send(_ act: Act) async -> CommandReport {
        if let report = await self.store.refusal(of: act) {
            return report
        }
        return await self.base.send(act)
    }

    func inquire(_ act: Act) async -> CommandReport {
        await self.base.inquire(act)
    }

    func stop(_ effect: EffectID) async -> Bool {
        await self.base.stop(effect)
    }
}

extension RunStore {
    /// Why an act must not be sent now, if it must not; a freeze that cannot be read holds.
    fileprivate func refusal(of act: Act) async -> CommandReport? {
        guard act.effectClass.changesTheWorld else {
            return nil
        }
        do {
            let freeze = try await FreezeDesk.freeze(in: self)
            return freeze.map { CommandReport(.notSent(reason: "\($0.text); 'selfheal unfreeze' lifts it")) }
        } catch {
            return CommandReport(.notSent(reason: "whether there is a freeze cannot be read: \(error)"))
        }
    }
}
