// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunJournal
package import RunVocabulary

/// What the store knows of runs, for those who sweep.
package struct StoredSweeps: SweepBook {
    private let store: RunStore

    package init(store: RunStore) {
        self.store = store
    }

    package func lastSweep(at place: String) async throws -> Instant? {
        try await self.store.setting(Self.key(place)).flatMap(Int64.init).map { Instant(milliseconds: $0) }
    }

    package func noteSweep(at place: String, _ moment: Instant) async throws {
        try await self.store.setSetting(Self.key(place), to: "\(moment.milliseconds)")
    }

    /// A run that this store does not have has not ended for it: another copy of the store may be driving it.
    package func ended(_ runs: [RunID], before moment: Instant) async throws -> [RunID] {
        var ended: [RunID] = []
        for run in runs {
            let known = try await self.store.runs(.identifierPrefix(run.text)).first { $0.id == run.text }
            let end =
                if let known {
                    known.outcome == nil ? nil : known.updatedAt
                } else {
                    try await self.store.endOfForgottenRun(run.text)
                }
            if let end, end <= moment.milliseconds {
                ended.append(run)
            }
        }
        return ended
    }

    private static func key(_ place: String) -> String {
        let key = "swept at \(place)"
        guard key.utf8.count > JournalLimits.identifierBytes else {
            return key
        }
        return "swept \(ContentDigest(of: Array(key.utf8)))"
    }
}
