// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A server's process and the wire to it.
struct PretendProcess: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
        case down
        /// Running, and its port is still closed.
        case starting
        case up
    }

    private(set) var phase: Phase
    var isFrozen = false
    var isCut = false
    /// Counts its lives, so that what was planned for an earlier one is recognised and dropped.
    private(set) var life = 0

    init(_ phase: Phase) {
        self.phase = phase
    }

    /// Whether it takes part in what its peers do.
    var isLively: Bool {
        self.phase == .up && !self.isFrozen && !self.isCut
    }

    /// Another phase begins another life.
    mutating func enter(_ phase: Phase) {
        self.phase = phase
        self.life += 1
        if phase == .down {
            self.isFrozen = false
        }
    }
}
