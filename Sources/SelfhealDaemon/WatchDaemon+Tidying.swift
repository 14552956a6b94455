// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunJournal
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine

/// Forgets old runs, a little at a time, as `retention:` says.
extension WatchDaemon {
    /// Between two sweeps, and between two steps of one.
    private static let sweepPause = Duration.seconds(3_600)
    private static let stepPause = Duration.milliseconds(50)
    /// Steps of one sweep; what is left waits for the next.
    private static let stepLimit = 20_000

    func tidyUp() async {
        while !Task.isCancelled {
            await self.sweep()
            // A changed configuration is heeded within the hour, too.
            try? await Task.sleep(for: Self.sweepPause, clock: .continuous)
        }
    }

    private func sweep() async {
        var count = 0
        do {
            for _ in 0..<Self.stepLimit where !Task.isCancelled {
                let slice = try await self.engine.forgetSomeRuns()
                count += slice.forgotten.count
                guard !slice.isDone else {
                    break
                }
                try? await Task.sleep(for: Self.stepPause, clock: .continuous)
            }
        } catch {
            self.log(.error, "store", "old runs cannot be forgotten: \(EngineError(describing: error))")
        }
        if count > 0 {
            let rule = self.engine.configuration.watch.retention.text
            self.log(.info, "forgotten", "\(count.counted("run")) forgotten, as 'retention' says: \(rule)")
        }
    }
}
