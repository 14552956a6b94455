// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// What kind of practice cluster to build, and where.
package struct LabOptions: Hashable, Sendable {
    /// The ports that each host listens on.
    ///
    /// They are the same on all hosts, because every host has a loopback address of its own. All lie above 1024, so that
    /// an ordinary user may bind them.
    package struct Ports: Hashable, Sendable, Codable {
        package var ssh: UInt16 = 2222
        package var client: UInt16 = 2181
        package var quorum: UInt16 = 2888
        package var election: UInt16 = 3888
        package var admin: UInt16 = 8080
        package var broker: UInt16 = 9092

        package init() {}
    }

    /// At most so many brokers: each is two more processes on this machine.
    package static let brokersLimit = 9

    /// Everything lives below this folder: absolute, and of letters, digits and `. _ / + @ -` alone, because it is
    /// written into configuration files of four different syntaxes.
    package var folder: String
    /// 3 or 5: an even ensemble bears no more failures than the odd one below it.
    package var members = 3
    package var brokers = 3
    /// The same seed gives the same cluster id and the same znodes.
    package var seed = UInt64.random(in: 0...UInt64.max)
    package var ports = Ports()
    /// ZooKeeper's HTTP interface; costs some 7 MiB for each member.
    package var hasAdminServer = false
    /// Keeps transaction logs in a folder of their own, beside the snapshots' folder.
    package var separatesLogs = false
    /// Sets `zookeeper.db.autocreate`; `nil` leaves ZooKeeper's default, which is `true`.
    ///
    /// With `true` a member whose disk was emptied votes as if it had been empty for ever, which is the trap that a
    /// quorum-loss runbook must not fall into. With `false` it waits.
    package var createsMissingDatabase: Bool?
    /// The command that stands in for a Kafka broker; `--listen ADDRESS:PORT` is appended, and then what it has to know of the others.
    package var standInCommand: [String]
    package var programs = Programs()
    /// How long the ensemble may take until it serves.
    package var startTimeout: Duration = .seconds(120)

    package init(folder: String = Self.defaultFolder, standInCommand: [String]) {
        self.folder = folder
        self.standInCommand = standInCommand
    }

    /// `selfheal-lab-USER` in the folder for temporary files: one lab for each user, unless another folder is named.
    package static var defaultFolder: String {
        let temporary = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
        let base = temporary.hasPrefix("/") ? temporary : "/tmp"
        return (base.hasSuffix("/") ? String(base.dropLast()) : base) + "/selfheal-lab-\(UnixUser.current.name)"
    }

    func validate() throws(PracticeClusterError) {
        guard self.folder.hasPrefix("/"), self.folder.count > 1, !self.folder.hasSuffix("/") else {
            throw PracticeClusterError(
                .badOption,
                "'\(self.folder)' is not an absolute path without a slash at its end"
            )
        }
        let plain = self.folder.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "._/+@-".utf8.contains(byte)
            }
        }
        guard plain, !self.folder.split(separator: "/").contains("..") else {
            throw PracticeClusterError(
                .badOption,
                "the folder '\(self.folder)' may have letters, digits and . _ / + @ - alone; choose another one"
            )
        }
        guard self.members == 3 || self.members == 5 else {
            throw PracticeClusterError(
                .badOption,
                "an ensemble of \(self.members) is not offered; ask for 3 or 5 members"
            )
        }
        guard (0...Self.brokersLimit).contains(self.brokers) else {
            throw PracticeClusterError(
                .badOption,
                "\(self.brokers) brokers are not offered; ask for 0 to \(Self.brokersLimit)"
            )
        }
        guard self.brokers == 0 || !self.standInCommand.isEmpty else {
            throw PracticeClusterError(.badOption, "brokers need a command that stands in for them")
        }
    }
}
