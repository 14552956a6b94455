// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunCore
import RunPorts
import RunVocabulary

/// Ends this very process right after a record is durable, and before anything follows from it.
///
/// For the test that kills the engine after each record of a real run: from outside nobody can hit that moment. Nothing but the
/// environment variable ``variable`` brings it in.
struct CrashSeam: RunLog {
    static let variable = "SELFHEAL_CRASH_AFTER_RECORD"

    private let log: any RunLog
    private let record: Int64

    /// The log itself, unless the environment asks for a crash.
    static func around(_ log: any RunLog) -> any RunLog {
        guard let text = getenv(Self.variable), let record = Int64(String(cString: text)) else {
            return log
        }
        return CrashSeam(log: log, record: record)
    }

    func append(_ events: [RunEvent], to run: RunID, from sequence: Int64, update: RunStatus?) async throws {
        try await self.log.append(events, to: run, from: sequence, update: update)
        if (sequence..<sequence + Int64(events.count)).contains(self.record) {
            kill(getpid(), SIGKILL)
        }
    }
}
