// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What became of one notice on one channel.
package struct DeliveryReport: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// Taken by the other side; not necessarily read by anybody.
        case delivered
        case failed(String)
        /// There is no channel of this name.
        case unknownChannel
    }

    package var channel: String
    package var outcome: Outcome
    /// How often it was tried.
    package var attempts: Int
    package var duration: Duration
    /// What the other side said although it took the notice, such as a recipient that it does not know.
    package var remark: String?
    /// Whether people may have been told although the delivery counts as failed.
    package var mayHaveArrived: Bool

    package init(
        channel: String,
        outcome: Outcome,
        attempts: Int,
        duration: Duration,
        remark: String? = nil,
        mayHaveArrived: Bool = false
    ) {
        self.channel = channel
        self.outcome = outcome
        self.attempts = attempts
        self.duration = duration
        self.remark = remark
        self.mayHaveArrived = mayHaveArrived
    }

    package var isDelivered: Bool { self.outcome == .delivered }
}

/// Delivers notices: to every channel at the same time, again if that may help, and never for longer than its budget.
///
/// Delivery is at least once. An attempt whose answer got lost is repeated under the same id, which mail readers
/// (`Message-ID`) and webhooks (`Idempotency-Key`) recognise. The service keeps nothing: what must survive a crash is
/// the caller's to journal before and after.
package struct NotificationService: Sendable {
    /// How hard one channel is tried.
    package struct Policy: Hashable, Sendable {
        package var attempts: Int
        /// Time for everything: waiting in line, all attempts and the pauses between them.
        package var budget: Duration
        /// Time for one attempt, if the budget has as much left.
        package var attemptTimeout: Duration
        /// Doubles with each attempt, up to the longest.
        package var firstPause: Duration
        package var longestPause: Duration

        package init(
            attempts: Int = 3,
            budget: Duration = .seconds(30),
            attemptTimeout: Duration = .seconds(10),
            firstPause: Duration = .seconds(1),
            longestPause: Duration = .seconds(10)
        ) {
            precondition(attempts > 0 && budget > .zero && attemptTimeout > .zero)
            self.attempts = attempts
            self.budget = budget
            self.attemptTimeout = attemptTimeout
            self.firstPause = firstPause
            self.longestPause = longestPause
        }
    }

    private let directory: ChannelDirectory
    private let policy: Policy
    private let clock: any Clock<Duration>

    package init(directory: ChannelDirectory, policy: Policy = Policy(), clock: any Clock<Duration> = ContinuousClock())
    {
        self.directory = directory
        self.policy = policy
        self.clock = clock
    }

    /// Delivers one notice and reports on every channel, in the order given; a name given twice counts once.
    ///
    /// Cancelling ends what is under way and reports it as failed.
    package func deliver(_ notice: Notice, to channels: [String]) async -> [DeliveryReport] {
        var names: [String] = []
        for name in channels where !names.contains(name) { names.append(name) }
        return await withTaskGroup(of: (Int, DeliveryReport).self) { group in
            for (index, name) in names.enumerated() {
                group.addTask { (index, await self.deliver(notice, to: name, clock: self.clock)) }
            }
            var reports: [(Int, DeliveryReport)] = []
            for await report in group { reports.append(report) }
            return reports.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    private func deliver<C: Clock<Duration>>(_ notice: Notice, to name: String, clock: C) async -> DeliveryReport {
        guard let entry = self.directory[name] else {
            return DeliveryReport(channel: name, outcome: .unknownChannel, attempts: 0, duration: .zero)
        }
        let started = clock.now
        let noTime = DeliveryReport.Outcome.failed(
            "found no free place within \(self.policy.budget); see why it is slow"
        )
        var report = DeliveryReport(channel: name, outcome: noTime, attempts: 0, duration: .zero)
        switch await entry.places.enter(patience: self.policy.budget, clock: clock) {
        case .entered:
            await self.attempt(notice, by: entry.channel, since: started, clock: clock, &report)
            entry.places.leave()
        case .turnedAway:
            report.outcome = .failed(
                "\(DeliveryPlaces.waitingLimit) notices wait for this channel already; see why it is slow"
            )
        case .timedOut:
            break
        case .cancelled:
            report.outcome = .failed("cancelled")
        }
        report.duration = started.duration(to: clock.now)
        return report
    }

    private func attempt<C: Clock<Duration>>(
        _ notice: Notice,
        by channel: any Channel,
        since started: C.Instant,
        clock: C,
        _ report: inout DeliveryReport
    ) async {
        var pause = self.policy.firstPause
        while true {
            let left = self.policy.budget - started.duration(to: clock.now)
            guard left > .zero else { return }
            report.attempts += 1
            do throws(ChannelFailure) {
                report.remark = try await channel.send(notice, timeout: min(left, self.policy.attemptTimeout))
                report.outcome = .delivered
                report.mayHaveArrived = false
                return
            } catch {
                report.outcome = .failed(error.message)
                report.mayHaveArrived = report.mayHaveArrived || error.mayHaveArrived
                guard error.isRetriable, !error.isCancellation, report.attempts < self.policy.attempts else { return }
                let wait = max(pause, error.retryAfter ?? .zero)
                guard started.duration(to: clock.now) + wait < self.policy.budget else {
                    report.outcome = .failed("\(error.message); another attempt would exceed \(self.policy.budget)")
                    return
                }
                do {
                    try await clock.sleep(for: wait)
                } catch {
                    report.outcome = .failed("cancelled while waiting to try again")
                    return
                }
                pause = min(pause * 2, self.policy.longestPause)
            }
        }
    }
}
