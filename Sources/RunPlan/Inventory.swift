// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// The cluster as the configuration describes it: which nodes there are, what they are for and how they are reached.
///
/// A run keeps the inventory it was started with; editing the configuration never moves a target under a run's feet.
package struct Inventory: Hashable, Sendable, Codable {
    package var clusterName: String
    /// The id that ZooKeeper must still know after healing (`/cluster/id`); empty when it is not known.
    package var clusterID: String
    /// Sorted by name, whoever sets them; those of a run were written down so.
    package var nodes: [Node] {
        didSet { self.nodes.sort { $0.name < $1.name } }
    }
    package var services: [Service]
    /// The other clusters that the configuration knows, sorted by name; nothing when there are none.
    package var clusters: [NamedCluster]?

    package init(clusterName: String, clusterID: String, nodes: [Node], services: [Service]) {
        self.clusterName = clusterName
        self.clusterID = clusterID
        self.nodes = nodes.sorted { $0.name < $1.name }
        self.services = services
    }

    /// Found by halves: a step on a thousand nodes asks for each of them.
    package subscript(name: NodeName) -> Node? {
        var (low, high) = (0, self.nodes.count)
        while low < high {
            let middle = (low + high) / 2
            if self.nodes[middle].name < name {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low < self.nodes.count && self.nodes[low].name == name ? self.nodes[low] : nil
    }

    /// The command that gives `verb` to `service` on `node`: the node's own, else the one for all.
    package func command(of service: String, _ verb: ServiceVerb, on node: Node) -> [String]? {
        let candidates = node.services + self.services
        return candidates.first { $0.name == service }?.commands[verb.rawValue]
    }

    /// How many voters are a majority of `nodes`; observers do not count.
    package static func quorum(voters: Int) -> Int {
        voters / 2 + 1
    }
}

package struct Node: Hashable, Sendable, Codable {
    package var name: NodeName
    package var host: String
    package var roles: [String]
    package var id: Int?
    package var datacenter: String
    package var rack: String
    /// Whether it counts towards a quorum; an observer does not.
    package var isVoter: Bool
    /// The ports by name, such as `client`, `broker` and `admin`.
    package var ports: [String: Int]
    package var labels: [String: String]
    package var dataFolder: String?
    package var logFolder: String?
    package var ssh: SSHAccess?
    package var services: [Service]
    /// How facts about it are found out: what its first monitor asks.
    package var monitor: ProbeSpecification?
    /// All of its monitors, where the configuration says anything of them; their names differ.
    package var monitors: [NodeMonitor]?

    package init(name: NodeName, host: String, roles: [String]) {
        self.name = name
        self.host = host
        self.roles = roles
        self.datacenter = ""
        self.rack = ""
        self.isVoter = true
        self.ports = [:]
        self.labels = [:]
        self.services = []
    }

    /// The port a runbook means by `client`, `broker` or `2181`.
    package func port(named name: String) -> Int? {
        self.ports[name] ?? Int(name)
    }
}

package struct SSHAccess: Hashable, Sendable, Codable {
    package var address: String
    package var port: Int
    package var user: String
    /// Pinned: `ssh-ed25519 AAAA…`, one line each.
    ///
    /// None means that nothing can be run there.
    package var hostKeys: [String]
    /// Empty where an agent has the key.
    package var identityFile: String
    /// What opens the key file, if it has a passphrase.
    package var passphrase: SecretSource?
    package var agent: AgentAccess?
    /// A known-hosts file with further pinned keys.
    package var knownHosts: String?
    /// The hosts on the way, the one that is reached directly first.
    package var jumps: [JumpAccess]?
    /// Who commands and scripts are run as unless the step says otherwise.
    package var become: Become?

    package init(address: String, port: Int, user: String, hostKeys: [String], identityFile: String) {
        self.address = address
        self.port = port
        self.user = user
        self.hostKeys = hostKeys
        self.identityFile = identityFile
    }
}

/// A host on the way, and what messages call it.
package struct JumpAccess: Hashable, Sendable, Codable {
    package var name: String
    package var access: SSHAccess

    package init(name: String, access: SSHAccess) {
        self.name = name
        self.access = access
    }
}

/// How a service is started, stopped and asked on its hosts: `systemctl`, or anything else.
package struct Service: Hashable, Sendable, Codable {
    package var name: String
    /// By verb: `start`, `stop`, `restart`, `status`.
    package var commands: [String: [String]]

    package init(name: String, commands: [String: [String]]) {
        self.name = name
        self.commands = commands
    }
}
