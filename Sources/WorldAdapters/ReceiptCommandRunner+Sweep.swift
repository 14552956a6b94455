// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
package import RunVocabulary

/// Knows which receipts nobody will ask for, and when a place was last looked through for them.
package protocol SweepBook: Sendable {
    /// When a place was last looked through; nothing where that is not known.
    func lastSweep(at place: String) async throws -> Instant?
    func noteSweep(at place: String, _ moment: Instant) async throws
    /// Those of the runs that have ended, and did so before the moment.
    func ended(_ runs: [RunID], before moment: Instant) async throws -> [RunID]
}

/// Taking away old receipts, when a run has ended.
///
/// ```
///     place ──last look less than a day ago, or none known──▶ nothing
///       │ list: the host names the runs that have old receipts
///       ▼
///     book: those that have ended, and long ago ──none──▶ noted
///       │ sweep: the host removes what of them is done
///       ▼
///     noted
/// ```
///
/// Nothing hangs on it: what fails is tried again when the next run ends.
extension ReceiptCommandRunner {
    /// How often a place is looked through at most.
    package static let sweepPause = Milliseconds(86_400_000)
    /// How many places are spoken to at once.
    private static let sweepLanes = 16
    /// How long one word with a host may take.
    private static let sweepPatience = Duration.seconds(10)

    /// Looks through the places to which this run has spoken, within a time.
    ///
    /// - Returns: how many receipts went.
    @discardableResult
    package func sweep(by book: any SweepBook, within patience: Duration) async -> Int {
        await withTaskGroup(of: Int?.self) { group in
            group.addTask {
                await self.sweepAll(book)
            }
            group.addTask {
                try? await Task.sleep(for: patience, clock: .continuous)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next().flatMap { $0 } ?? 0
        }
    }

    private func sweepAll(_ book: any SweepBook) async -> Int {
        await withTaskGroup(of: Int.self) { group in
            var removed = 0
            for (number, opened) in self.openedPlaces.enumerated() {
                if number >= Self.sweepLanes {
                    removed += await group.next() ?? 0
                }
                group.addTask {
                    (try? await self.sweep(opened.place, opened.incarnation, book)) ?? 0
                }
            }
            for await count in group {
                removed += count
            }
            return removed
        }
    }

    private func sweep(_ place: Place, _ incarnation: StoreIncarnation, _ book: any SweepBook) async throws -> Int {
        let now = self.now()
        guard let last = try await book.lastSweep(at: place.name) else {
            // What is new here cannot be old yet.
            try await book.noteSweep(at: place.name, now)
            return 0
        }
        guard now < last || now.elapsed(since: last) >= Self.sweepPause else {
            return 0
        }
        var removed = 0
        let wrapper = try self.wrapper(at: place, incarnation: incarnation)
        if case .stored(let stored) = await self.answer(wrapper.list(), wrapper, at: place) {
            let keptFor = Milliseconds(ReceiptWrapper.keptFor)
            let before = Instant(milliseconds: now.milliseconds - keptFor.count)
            let ended = try await book.ended(stored.map { RunID($0.text) }, before: before)
            if !ended.isEmpty {
                let wrapper = try self.wrapper(at: place, incarnation: incarnation)
                let runs = try ended.map { run throws(ReceiptError) in try ReceiptID(run.text) }
                guard case .swept(let count, _) = await self.answer(wrapper.sweep(runs), wrapper, at: place) else {
                    return 0
                }
                removed = count
            }
            try await book.noteSweep(at: place.name, now)
        }
        return removed
    }

    private func answer(_ script: RemoteScript, _ wrapper: ReceiptWrapper, at place: Place) async -> ReceiptAnswer? {
        let spoken = await self.speak(script, wrapper, at: place, timeout: Self.sweepPatience)
        if case .report(let report) = spoken {
            return report.answer
        }
        return nil
    }
}
