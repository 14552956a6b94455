// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunVocabulary
import SelfhealEngine

/// Times: what has come is put on disk before anything follows from it, and until when somebody watched is kept for the next daemon.
extension WatchDaemon {
    /// How often it is tried to put a time on disk, and how long the pauses are.
    private static let acceptAttempts = 10
    private static let acceptPause = Milliseconds.seconds(2)

    func accept(_ wishes: [Wish]) async {
        defer { self.pulse.update { $0.timesArriving -= 1 } }
        for attempt in 1...Self.acceptAttempts {
            do {
                let taken = try await self.engine.take(wishes.map { (runbook: $0.runbook, alert: $0.alert) })
                self.pulse.update { $0.arriving -= wishes.count - taken.count }
                if !taken.isEmpty {
                    self.inbox.yield(.event(.alerted(taken, at: self.now)))
                }
                return
            } catch {
                let reason = EngineError(describing: error).message
                self.log(.error, "store", "a time that came cannot be written down, attempt \(attempt): \(reason)")
                try? await Task.sleep(for: .milliseconds(Self.acceptPause.count), clock: .continuous)
            }
        }
        self.pulse.update { $0.arriving -= wishes.count }
        let names = Set(wishes.map(\.runbook)).sorted().joined(separator: ", ")
        let text = "It was time for \(names), which could not be written down, so nothing starts for it"
        await self.tell(WatchNotice(severity: .critical, runbook: nil, message: text))
    }

    /// When it was last written down until when somebody watched.
    struct WatchMark {
        static let pause = Duration.seconds(30)

        var isMissing = true
        var last = ContinuousClock.now
    }

    /// Writes down until when every time was handled; what is still on its way was not.
    func leave(_ mark: inout WatchMark) async {
        let reading = self.pulse.now
        guard reading.timesArriving == 0, reading.timesHandled > Instant(milliseconds: 0),
            mark.isMissing || ContinuousClock.now - mark.last >= WatchMark.pause
        else {
            return
        }
        mark.isMissing = false
        mark.last = .now
        do {
            try await self.engine.setWatchedUntil(reading.timesHandled)
        } catch {
            let reason = EngineError(describing: error).message
            self.log(.error, "store", "it cannot be written down until when somebody watched: \(reason)")
        }
    }
}
