// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPorts
import RunVocabulary

extension WatchDaemon {
    /// Puts one event into the inbox when its moment comes.
    ///
    /// A bell that would ring too early is let ring: who hears it sets the alarm again, and a bell for each of many looks would cost more than they do.
    struct Alarm {
        private let inbox: AsyncStream<Input>.Continuation
        private let clock: any WallClock
        /// When the bell rings, if there is one.
        private var moment: Instant?
        private var bell: Task<Void, Never>?

        init(inbox: AsyncStream<Input>.Continuation, clock: any WallClock) {
            self.inbox = inbox
            self.clock = clock
        }

        mutating func set(_ moment: Instant?) {
            guard let moment, self.moment.map({ moment < $0 }) ?? true else {
                return
            }
            self.bell?.cancel()
            self.moment = moment
            self.bell = Task { [inbox = self.inbox, clock = self.clock] in
                await clock.sleep(until: moment)
                guard !Task.isCancelled else {
                    return
                }
                inbox.yield(.event(.clockReached(at: max(moment, clock.now))))
            }
        }

        /// The clock was looked at; the same moment may be set again.
        mutating func rang() {
            self.moment = nil
        }

        mutating func silence() {
            self.bell?.cancel()
            self.bell = nil
        }
    }
}
