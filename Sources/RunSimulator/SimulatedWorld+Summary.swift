// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary

extension SimulatedWorld {
    /// How things stand when the scenario begins, nodes that are alike together: `zk1 up; zk2, zk3 down without data; kafka1 up`.
    var summary: String {
        let members = self.ensemble.members.map { member in
            let process = member.process.phase == .up ? "up" : "down"
            return (member.name.text, member.tree == nil ? "\(process) without data" : process)
        }
        let brokers = self.group.brokers.map { ($0.name.text, $0.process.phase == .up ? "up" : "down") }
        let hosts = zip(self.cluster.hosts, self.hosts).map { ($0.name.text, $1.phase == .up ? "up" : "down") }
        return (Self.grouped(members) + Self.grouped(brokers) + Self.grouped(hosts)).joined(separator: "; ")
    }

    private static func grouped(_ nodes: [(name: String, state: String)]) -> [String] {
        var states: [String] = []
        for node in nodes where !states.contains(node.state) {
            states.append(node.state)
        }
        return states.map { state in
            "\(nodes.filter { $0.state == state }.map(\.name).joined(separator: ", ")) \(state)"
        }
    }
}
