// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The texts in a host's `etc` and `services`.
struct HostConfiguration: Sendable {
    let layout: Layout
    let options: LabOptions
    let programs: Programs
    let record: LabRecord

    func sshd(for host: LabRecord.Host) -> String {
        let folder = self.layout.host(host.name)
        // HOME is the host's own, so that what a login leaves there lies on this host's disk, and the real user's
        // ~/.bashrc (which bash reads for every command that sshd starts, unless SHLVL says that it is nested) stays out.
        return """
            ListenAddress \(host.address)
            Port \(self.record.ports.ssh)
            HostKey \(folder.hostKey)
            AuthorizedKeysFile \(self.layout.identity).pub
            PidFile none
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PubkeyAuthentication yes
            PermitRootLogin prohibit-password
            AllowUsers \(self.record.loginUser)
            SetEnv SELFHEAL_LAB=\(self.layout.folder) SELFHEAL_LAB_HOST=\(host.name) HOME=\(folder.home) SHLVL=2
            MaxStartups 100:30:200
            MaxSessions 20
            UseDNS no
            PrintMotd no
            PrintLastLog no
            LogLevel VERBOSE
            Subsystem sftp internal-sftp

            """
    }

    func zooKeeper(for member: LabRecord.Host) -> String {
        let folder = self.layout.host(member.name)
        let ports = self.record.ports
        var lines = [
            // Members notice within four seconds that one is gone without a goodbye; sooner, and a machine that is busy
            // starting something else breaks the quorum by itself.
            "tickTime=500", "initLimit=40", "syncLimit=8",
            "dataDir=\(folder.data)",
        ]
        if self.record.separatesLogs {
            lines.append("dataLogDir=\(folder.separateLogs)")
        }
        lines += [
            "clientPort=\(ports.client)", "clientPortAddress=\(member.address)", "maxClientCnxns=0",
            // A short queue of waiting connections; a cut fills it (see NetworkCut).
            "clientPortListenBacklog=8",
            "4lw.commands.whitelist=srvr,mntr,ruok,conf,isro,stat",
            "admin.enableServer=\(self.options.hasAdminServer)",
        ]
        if self.options.hasAdminServer {
            lines += ["admin.serverAddress=\(member.address)", "admin.serverPort=\(ports.admin)"]
        }
        lines += self.record.members.map { "server.\($0.number)=\($0.address):\(ports.quorum):\(ports.election)" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Debian's jar names in its manifest what else it needs, but not the servlet API, nor anything that writes a log.
    func zooKeeperDaemon(for member: LabRecord.Host) -> String {
        let folder = self.layout.host(member.name)
        let jars = self.programs.jars
        var classPath = [folder.etc, "\(jars)/zookeeper.jar", "\(jars)/slf4j-log4j12.jar", "\(jars)/log4j-1.2.jar"]
        if self.options.hasAdminServer {
            classPath.append("\(jars)/servlet-api.jar")
        }
        var command = [
            self.programs.java, "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
            "-XX:+ExitOnOutOfMemoryError", "-XX:-UsePerfData",
        ]
        if let creates = self.options.createsMissingDatabase {
            command.append("-Dzookeeper.db.autocreate=\(creates)")
        }
        command += [
            "-cp", classPath.joined(separator: ":"), "org.apache.zookeeper.server.quorum.QuorumPeerMain",
            folder.zooKeeperConfiguration,
        ]
        return ServiceCommand.daemon(
            title: "The ZooKeeper member \(member.name)",
            needs: [(self.programs.java, "default-jre-headless"), ("\(jars)/zookeeper.jar", "zookeeper")],
            command: command
        )
    }

    func logging(for member: LabRecord.Host) -> String {
        """
        log4j.rootLogger=INFO, F
        log4j.appender.F=org.apache.log4j.FileAppender
        log4j.appender.F.File=\(self.layout.host(member.name).log)/server.log
        log4j.appender.F.layout=org.apache.log4j.PatternLayout
        log4j.appender.F.layout.ConversionPattern=%d{ISO8601} [myid:\(member.number)] %-5p %C{1} - %m%n

        """
    }

    func sshdDaemon(for host: LabRecord.Host) -> String {
        let folder = self.layout.host(host.name)
        return ServiceCommand.daemon(
            title: "The SSH server of \(host.name)",
            needs: [(self.programs.sshd, "openssh-server")],
            command: [self.programs.sshd, "-D", "-f", folder.sshdConfiguration, "-E", "\(folder.log)/sshd-server.log"]
        )
    }

    func kafkaDaemon(for broker: LabRecord.Host) -> String {
        let port = self.record.ports.broker
        let all = self.record.brokers.flatMap { ["--broker", "\($0.number)=\($0.address):\(port)"] }
        return ServiceCommand.daemon(
            title: "The stand-in for the Kafka broker \(broker.name)",
            needs: [],
            command: self.options.standInCommand + [
                "--listen", "\(broker.address):\(port)", "--id", "\(broker.number)",
            ]
                + ["--cluster=\(self.record.clusterID)", "--hall", self.layout.brokerHall] + all
        )
    }

    /// What OpenSSH's client needs to reach every host by name.
    var sshClient: String {
        let hosts = self.record.hosts.map { host in
            """
            Host \(host.name)
                HostName \(host.address)

            """
        }
        return hosts.joined()
            + """
            Host *
                Port \(self.record.ports.ssh)
                User \(self.record.loginUser)
                IdentityFile \(self.layout.identity)
                IdentitiesOnly yes
                UserKnownHostsFile \(self.layout.knownHosts)
                GlobalKnownHostsFile /dev/null
                StrictHostKeyChecking yes
                BatchMode yes
                ConnectTimeout 20

            """
    }

    var knownHosts: String {
        self.record.hosts.map { "[\($0.address)]:\(self.record.ports.ssh) \($0.hostKey)\n" }.joined()
    }
}
