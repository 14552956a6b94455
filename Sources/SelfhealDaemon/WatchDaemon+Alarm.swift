// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPorts
import RunVocabulary

extension WatchDaemon {
    /// Puts one event into the inbox when its moment comes.
    struct Alarm {
        private let inbox: AsyncStream<Input>.Continuation
        private let clock: any WallClock
        private var moment: Instant?
        private var bell: Task<Void, Never>?

        init(inbox: AsyncStream<Input>.Continuation, clock: any WallClock) {
            self.inbox = inbox
            self.clock = clock
        }

        mutating func set(_ moment: Instant?) {
            guard moment != self.moment else {
                return
            }
            self.bell?.cancel()
            self.bell = nil
            self.moment = moment
            guard let moment else {
                return
            }
            self.bell = Task { [inbox = self.inbox, clock = self.clock] in
                await clock.sleep(until: moment)
                guard !Task.isCancelled else {
                    return
                }
                inbox.yield(.event(.clockReached(at: max(moment, clock.now))))
            }
        }

        /// It has rung; the same moment may be set again.
        mutating func rang() {
            self.moment = nil
        }
    }
}
