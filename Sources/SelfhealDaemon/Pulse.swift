// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import Synchronization

/// How the watch is, for those who ask from outside its task.
final class Pulse: Sendable {
    struct Reading: Hashable, Sendable {
        /// When the watch last handled something, and when a look was last answered.
        var handled = Instant(milliseconds: 0)
        var looked = Instant(milliseconds: 0)
        /// When the last round of looks was completed.
        var lastRound: Instant?
        var waitingAlerts = 0
        /// Alerts that are on their way from the door to the watch.
        var arriving = 0
        /// Until when every time that came was handled, and how many are on their way to the store.
        var timesHandled = Instant(milliseconds: 0)
        var timesArriving = 0
        /// Why nobody new can connect, if nobody can.
        var deafness: String?
        var isFrozen = false
        var hasSeenAll = false
    }

    private let reading = Mutex(Reading())

    var now: Reading {
        self.reading.withLock { $0 }
    }

    func update(_ body: (inout Reading) -> Void) {
        self.reading.withLock { body(&$0) }
    }

    /// Makes room for so many alerts, if there is room.
    func admit(_ count: Int, limit: Int) -> Bool {
        self.reading.withLock { reading in
            guard reading.waitingAlerts + reading.arriving + count <= limit else {
                return false
            }
            reading.arriving += count
            return true
        }
    }
}

extension Pulse.Reading {
    /// The watch is asked to do something every second, so to have done nothing for so long is to be stuck.
    private static let patience = Milliseconds.seconds(10)

    /// Why the watch is not well, if it is not.
    func trouble(at moment: Instant, nodes: Int, staleAfter: Milliseconds) -> String? {
        let idle = moment.elapsed(since: self.handled)
        guard idle < Self.patience else {
            return "the watch has done nothing for \(idle.rounded)"
        }
        let unseen = moment.elapsed(since: self.looked)
        guard nodes == 0 || unseen < staleAfter + Self.patience else {
            return "no look at a node has come to an end for \(unseen.rounded)"
        }
        return nil
    }
}
