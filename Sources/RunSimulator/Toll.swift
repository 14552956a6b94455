// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// What those whom the cluster serves had to bear, from the beginning of a rehearsal until the world has come to rest after it.
package struct Toll: Hashable, Sendable {
    /// How long members of ZooKeeper had no leader.
    package private(set) var leaderless = Milliseconds(0)
    /// How long a partition had no replica that runs.
    package private(set) var offline = Milliseconds(0)
    /// How many such partitions there were at once.
    package private(set) var mostOffline = 0
    /// How things stand when nothing changes by itself any more: whether there is a leader, and partitions without one.
    package private(set) var endsLeaderless = false
    package private(set) var endsOffline = 0

    private var since = Instant(milliseconds: 0)
    private var isLeaderless = false
    private var nowOffline = 0

    package init() {}

    /// The world may have changed at this moment.
    mutating func take(_ world: SimulatedWorld, at moment: Instant) {
        let passed = moment.elapsed(since: self.since).count
        if passed > 0 {
            self.leaderless = Milliseconds(self.leaderless.count + (self.isLeaderless ? passed : 0))
            self.offline = Milliseconds(self.offline.count + (self.nowOffline > 0 ? passed : 0))
        }
        self.since = moment
        self.isLeaderless = !world.cluster.members.isEmpty && !world.ensemble.hasQuorum
        self.nowOffline = world.group.health.offline
        self.mostOffline = max(self.mostOffline, self.nowOffline)
        self.endsLeaderless = self.isLeaderless
        self.endsOffline = self.nowOffline
    }

    /// Lets the world go on by itself, without the run.
    mutating func rest(_ world: SimulatedWorld) {
        var world = world
        for _ in 0..<Self.restLimit {
            guard let moment = world.nextMoment else {
                return
            }
            world.advance(to: moment)
            self.take(world, at: moment)
        }
    }

    /// More changes than starts, elections and catching up of a thousand nodes are.
    private static let restLimit = 10_000
}
