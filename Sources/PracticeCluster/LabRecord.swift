// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import Foundation

/// What was built, as `lab.json` keeps it.
///
/// Read again by every command, since each `selfheal lab …` is a process of its own.
package struct LabRecord: Hashable, Sendable, Codable {
    /// The layout of this file; another one is refused rather than guessed at.
    package static let currentFormat = 1

    package struct Host: Hashable, Sendable, Codable {
        package var name: String
        /// The ZooKeeper server id or the broker id.
        package var number: Int
        package var address: String
        /// Its public host key, as a known_hosts file has it after the address.
        package var hostKey = ""
    }

    package var format = Self.currentFormat
    package var createdAt: Date
    package var clusterID: String
    package var seed: UInt64
    /// The A of 127.0.A.x.
    package var network: Int
    package var ports: LabOptions.Ports
    package var loginUser: String
    package var separatesLogs: Bool
    /// See ``LabOptions/createsMissingDatabase``.
    package var createsMissingDatabase: Bool?
    package var members: [Host]
    package var brokers: [Host]
    package var znodeCount: Int
    /// See ``ZnodeTree/digest``.
    package var treeDigest: String
    package var breaks: [Break] = []

    package var hosts: [Host] { self.members + self.brokers }
    package var majority: Int { self.members.count / 2 + 1 }

    /// The znodes as they were written; the seed gives them again.
    var expectedTree: ZnodeTree {
        ZnodeTree.seeded(self.seed, clusterID: self.clusterID, brokers: self.brokers, port: self.ports.broker)
    }
}

/// Something that was broken on purpose, or healed.
package struct Break: Hashable, Sendable, Codable {
    package var at: Date
    /// The mode's name, or `heal`.
    package var mode: String
    package var hosts: [String]
    /// One sentence for each thing done, for the summary that a demonstration prints.
    package var acts: [String]
}
