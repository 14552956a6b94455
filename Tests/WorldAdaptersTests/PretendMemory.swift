// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Synchronization
import WorldAdapters

/// Remembers the incarnations of receipt folders as long as the test lasts.
final class PretendMemory: IncarnationMemory {
    private let places: Mutex<[String: String]> = Mutex([:])

    func incarnation(at place: String) async throws -> String? {
        self.places.withLock { $0[place] }
    }

    func remember(_ incarnation: String, at place: String) async throws {
        self.places.withLock { $0[place] = incarnation }
    }
}
