// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The text of `selfheal.yaml`: how the engine sees the lab.
///
/// The one place that knows the shape of that file.
struct EngineConfiguration: Sendable {
    let layout: Layout
    let record: LabRecord
    let unixUser: String

    var text: String {
        """
        # Written by 'selfheal lab up'.
        cluster:
          name: lab
          id: \(Self.quote(self.record.clusterID))
          zookeeper_nodes:
        \(self.record.members.map(self.member).joined(separator: "\n"))
          kafka_brokers:\(self.record.brokers.isEmpty ? " []" : "")
        \(self.record.brokers.map(self.broker).joined(separator: "\n"))
        ssh: { identity_file: \(Self.quote(self.layout.identity)) }
        services:
        \([Service.zookeeper, .kafka].map(self.service).joined(separator: "\n"))
        people:
          - { name: you, unix_user: \(Self.quote(self.unixUser)), roles: [sre] }
          - { name: dana, roles: [sre] }
          - { name: lin, roles: [sre] }
        security: { speak_for_others: true, requester_may_approve: true }   # anybody may approve for anybody: for practice alone
        notifications: { channels: { oncall: { kind: file, path: \(Self.quote(self.layout.notices)) } } }
        store: { folder: \(Self.quote(self.layout.store)) }
        # What 'selfheal serve RUNBOOK…' looks at and whom it asks; a real cluster is looked at less often.
        monitoring: { interval: 2s, timeout: 1500ms }
        watch: { channels: [oncall], ask: { from: ["role:sre"] } }

        """
    }

    private func member(_ member: LabRecord.Host) -> String {
        let folder = self.layout.host(member.name)
        let logs = self.record.separatesLogs ? ", log_dir: \(Self.quote(folder.separateLogs))" : ""
        return """
                - { name: \(member.name), host: \(member.address), port: \(self.record.ports.client), datacenter: lab, \
            voter: true, data_dir: \(Self.quote(folder.data))\(logs), ssh: \(self.ssh(member)) }
            """
    }

    private func broker(_ broker: LabRecord.Host) -> String {
        """
            - { name: \(broker.name), host: \(broker.address), port: \(self.record.ports.broker), id: \(broker.number), \
        datacenter: lab, ssh: \(self.ssh(broker)) }
        """
    }

    private func ssh(_ host: LabRecord.Host) -> String {
        """
        { port: \(self.record.ports.ssh), user: \(Self.quote(self.record.loginUser)), \
        host_key: \(Self.quote(host.hostKey)) }
        """
    }

    private func service(_ service: Service) -> String {
        let verbs = ["start", "stop", "restart", "status"].map { verb in
            "\(verb): [\(Self.quote(self.layout.serviceCommand)), \(service.rawValue), \(verb)]"
        }
        return "  \(service.rawValue): { \(verbs.joined(separator: ", ")) }"
    }

    /// A double-quoted scalar; everything in it is printable ASCII by now, so two characters need care.
    static func quote(_ text: String) -> String {
        "\"" + text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "\""
    }
}
