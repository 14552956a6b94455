// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The answer to `conf`, of which the members matter most: they give the true size for the majority.
package struct ServerConfiguration: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package var id: Int
        /// The first address, without brackets.
        package var host: String
        package var isVoter: Bool
    }

    /// ZooKeeper's own limit for server numbers.
    private static let memberLimit = 255

    package var clientPort: Int?
    /// Ends in `/version-2`, unlike the setting of the same name.
    package var dataDirectory: String?
    /// Ends in `/version-2`, unlike the setting of the same name.
    package var logDirectory: String?
    package var tickTimeMilliseconds: Int?
    package var initLimit: Int?
    package var syncLimit: Int?
    package var serverID: Int?
    /// By number; empty for a standalone server.
    package var members: [Member] = []

    package var voterCount: Int { self.members.count(where: \.isVoter) }

    package init(parsing text: String) throws(UnreadableAnswer) {
        var members: [Member] = []
        for line in text.split(whereSeparator: \.isNewline) {
            guard let (key, value) = line.splitOnce(at: "=") else { continue }
            switch key {
            case "clientPort": self.clientPort = Int(value)
            case "dataDir": self.dataDirectory = String(value)
            case "dataLogDir": self.logDirectory = String(value)
            case "tickTime": self.tickTimeMilliseconds = Int(value)
            case "initLimit": self.initLimit = Int(value)
            case "syncLimit": self.syncLimit = Int(value)
            case "serverId": self.serverID = Int(value)
            case let key where key.hasPrefix("server."):
                guard let member = Self.member(key: key, value: value) else {
                    // A member left out would make the majority too small.
                    throw UnreadableAnswer("the answer to conf has a member line that cannot be read: \(line)")
                }
                members.append(member)
            default: break
            }
        }
        guard self.clientPort != nil || self.dataDirectory != nil else {
            throw UnreadableAnswer("the answer to conf lacks clientPort and dataDir")
        }
        guard members.count <= Self.memberLimit else {
            throw UnreadableAnswer("the answer to conf has too many members")
        }
        self.members = members.sorted { $0.id < $1.id }
    }

    /// `server.N=host:quorumPort:electionPort[:role][;client]`, with `|` between several addresses.
    private static func member(key: Substring, value: Substring) -> Member? {
        guard let id = Int(key.dropFirst("server.".count)) else { return nil }
        let ensemblePart = value.prefix { $0 != ";" }
        let first = ensemblePart.prefix { $0 != "|" }
        let host: Substring
        if first.hasPrefix("[") {
            guard let end = first.firstIndex(of: "]") else { return nil }
            host = first[..<end].dropFirst()
        } else {
            host = first.prefix { $0 != ":" }
        }
        guard !host.isEmpty else { return nil }
        return Member(id: id, host: String(host), isVoter: !ensemblePart.hasSuffix(":observer"))
    }
}

/// The answer to `isro`.
package enum WriteReadiness: String, Hashable, Sendable {
    case readWrite = "rw"
    case readOnly = "ro"
    /// The server runs and serves nobody.
    case none = "null"

    package init(parsing text: String) throws(UnreadableAnswer) {
        guard let value = Self(rawValue: String(text.trimmingBlanks)) else {
            throw UnreadableAnswer("the answer to isro is none of rw, ro and null")
        }
        self = value
    }
}

/// The answer to `ruok`: the process is alive, quorum or not.
package struct LivenessAnswer: Hashable, Sendable {
    package init(parsing text: String) throws(UnreadableAnswer) {
        guard text.trimmingBlanks == "imok" else { throw UnreadableAnswer("the answer to ruok is not imok") }
    }
}
