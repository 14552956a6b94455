// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Where everything lies below the lab's folder.
///
/// ```
/// .selfheal-lab           marks the folder as ours; written first, removed last
/// lab.json                what was built, and what was broken since
/// selfheal.yaml           the configuration for the engine
/// ssh_config              for people: ssh -F ssh_config zk1
/// id_ed25519              the client's key, and .pub
/// bin/service             stands where systemctl would
/// ledger                  every start and stop that a host was asked for: time, host, service, verb
/// brokers/                who of the brokers is alive, and who controls
/// store/  notices.jsonl   the engine's own
/// hosts/zk1/              one host: its disk
///     data/  log/  run/  etc/  home/  services/
/// ```
struct Layout: Hashable, Sendable {
    let folder: String

    var marker: String { "\(self.folder)/.selfheal-lab" }
    var record: String { "\(self.folder)/lab.json" }
    var recordLock: String { "\(self.folder)/lab.lock" }
    var configuration: String { "\(self.folder)/selfheal.yaml" }
    var sshConfiguration: String { "\(self.folder)/ssh_config" }
    var knownHosts: String { "\(self.folder)/known_hosts" }
    var identity: String { "\(self.folder)/id_ed25519" }
    var serviceFolder: String { "\(self.folder)/bin" }
    var serviceCommand: String { "\(self.serviceFolder)/service" }
    var store: String { "\(self.folder)/store" }
    var notices: String { "\(self.folder)/notices.jsonl" }
    /// Where the brokers' stand-ins leave word for one another.
    var brokerHall: String { "\(self.folder)/brokers" }
    var hosts: String { "\(self.folder)/hosts" }

    func host(_ name: String) -> HostLayout { HostLayout(folder: "\(self.hosts)/\(name)") }
}

/// One host's folder, which stands for its disk.
struct HostLayout: Hashable, Sendable {
    let folder: String

    var data: String { "\(self.folder)/data" }
    /// The transaction logs' folder when they are kept apart.
    var separateLogs: String { "\(self.folder)/datalog" }
    var log: String { "\(self.folder)/log" }
    var run: String { "\(self.folder)/run" }
    var etc: String { "\(self.folder)/etc" }
    var home: String { "\(self.folder)/home" }
    var services: String { "\(self.folder)/services" }
    var hostKey: String { "\(self.etc)/ssh_host_ed25519_key" }
    var sshdConfiguration: String { "\(self.etc)/sshd_config" }
    var zooKeeperConfiguration: String { "\(self.etc)/zoo.cfg" }
    var loggingConfiguration: String { "\(self.etc)/log4j.properties" }

    var all: [String] { [self.data, self.log, self.run, self.etc, self.home, self.services] }

    /// Logins that outlived the SSH server which took them; see ``PracticeCluster/heal(within:at:)``.
    var orphans: String { "\(self.run)/orphans" }

    func daemon(_ service: Service) -> String { "\(self.services)/\(service.rawValue)" }
    func pidFile(_ service: Service) -> String { "\(self.run)/\(service.rawValue).pid" }
}

/// What the service command of a host can start and stop.
package enum Service: String, Hashable, Sendable, CaseIterable, Codable {
    case zookeeper
    case kafka
    case sshd
}
