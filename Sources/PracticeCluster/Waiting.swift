// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Looking again and again until something has come about.
enum Waiting {
    enum Look: Sendable {
        case done
        /// What is in the way, for the error at the end.
        case notYet(String)
    }

    /// An election takes some 200 ms, so that looking more often than this shows nothing new.
    static let interval: Duration = .milliseconds(50)

    /// `what` is a clause such as "zk1 answers", for the error.
    static func until(
        _ what: String,
        within limit: Duration,
        _ look: () async -> Look
    ) async throws(PracticeClusterError) {
        let end = ContinuousClock.now + limit
        while case .notYet(let reason) = await look() {
            guard ContinuousClock.now < end else {
                throw PracticeClusterError(.timedOut, "waited \(limit) until \(what), in vain: \(reason)")
            }
            do {
                try await Task.sleep(for: Self.interval)
            } catch {
                throw PracticeClusterError(.timedOut, "cancelled while waiting until \(what)")
            }
        }
    }
}
