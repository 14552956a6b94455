// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ProbeZooKeeper
import Probes

/// A real ZooKeeper server of Debian's package, as a child of the tests.
final class ZooKeeperServer {
    struct SetupFailure: Error {
        var message: String
    }

    private static let jar = "/usr/share/java/zookeeper.jar"
    private static let classPath = [jar, "/usr/share/java/servlet-api.jar"].joined(separator: ":")
    static let isInstalled =
        FileManager.default.fileExists(atPath: jar) && FileManager.default.fileExists(atPath: "/usr/bin/java")

    let directory: URL
    let clientPort: UInt16
    let adminPort: UInt16
    private(set) var process: Process?

    var dataDirectory: String { self.directory.appending(path: "data").path }
    var versionDirectory: URL { self.directory.appending(path: "data/version-2") }
    var probe: ZooKeeperProbe {
        ZooKeeperProbe(
            address: "127.0.0.1",
            clientPort: self.clientPort,
            adminPort: self.adminPort,
            timeout: .seconds(60)
        )
    }

    /// Prepares a member; `members` holds the quorum and election ports of all of them, in order.
    init(id: Int, ports: [UInt16], members: [(quorum: UInt16, election: UInt16)], in parent: URL) throws {
        self.directory = parent.appending(path: "\(id)")
        self.clientPort = ports[0]
        self.adminPort = ports[1]
        try FileManager.default.createDirectory(atPath: self.dataDirectory, withIntermediateDirectories: true)
        try "\(id)\n".write(toFile: self.dataDirectory + "/myid", atomically: true, encoding: .utf8)
        var lines = [
            "tickTime=500", "initLimit=10", "syncLimit=4", "dataDir=\(self.dataDirectory)",
            "clientPort=\(self.clientPort)", "clientPortAddress=127.0.0.1",
            "4lw.commands.whitelist=srvr,mntr,conf,isro",
            "admin.serverAddress=127.0.0.1", "admin.serverPort=\(self.adminPort)", "maxClientCnxns=0",
        ]
        if members.count > 1 {
            for (index, member) in members.enumerated() {
                lines.append("server.\(index + 1)=127.0.0.1:\(member.quorum):\(member.election)")
            }
        }
        try lines.joined(separator: "\n").write(
            to: self.directory.appending(path: "zoo.cfg"),
            atomically: true,
            encoding: .utf8
        )
    }

    deinit {
        if let process, process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    func start() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/java")
        process.arguments = [
            "-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", Self.classPath,
            "org.apache.zookeeper.server.quorum.QuorumPeerMain", self.directory.appending(path: "zoo.cfg").path,
        ]
        let output = self.directory.appending(path: "output")
        try Data().write(to: output)
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = handle
        process.standardInput = FileHandle.nullDevice
        try process.run()
        self.process = process
    }

    /// Ends the server at once and waits until it is gone.
    func kill9() {
        guard let process else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    /// Stops the server in its tracks: it takes connections and never answers.
    func freeze() {
        guard let process else { return }
        kill(process.processIdentifier, SIGSTOP)
    }

    /// Waits until the server has ended by itself.
    func waitForExit() -> Int32? {
        self.process?.waitUntilExit()
        return self.process?.terminationStatus
    }

    /// Asks until the answer is as wanted.
    ///
    /// A server of another program gives no event to wait for, so this asks every 20 ms, for two minutes at most.
    func wait(using prober: SocketProber, until isDone: (FourLetterAnswer) -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        var probe = self.probe
        // A server that is just starting may answer and forget to close, which costs the whole time-out.
        probe.timeout = .seconds(1)
        while true {
            let answer = await probe.say(.srvr, using: prober)
            if isDone(answer) { return }
            guard ContinuousClock.now < deadline else {
                throw SetupFailure(message: "ZooKeeper on port \(self.clientPort) still says \(answer)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    func waitUntilServing(using prober: SocketProber) async throws {
        try await self.wait(using: prober) { answer in
            guard case .text = answer else { return false }
            return true
        }
    }

    func openSession(using prober: SocketProber) async throws -> ZooKeeperSession {
        try await ZooKeeperSession.open(
            address: "127.0.0.1",
            port: self.clientPort,
            timeout: .seconds(60),
            using: prober
        )
    }

    // MARK: Places

    static func temporaryDirectory() throws -> URL {
        let url = FileManager.default.temporaryDirectory.appending(path: "selfheal-zookeeper-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        return url
    }

    /// Ports that are free at this moment.
    static func freePorts(_ count: Int) throws -> [UInt16] {
        var descriptors: [Int32] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        return try (0..<count).map { _ in
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            descriptors.append(descriptor)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let status = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
                }
            }
            guard status == 0 else { throw SetupFailure(message: "no free port: errno \(errno)") }
            return UInt16(bigEndian: address.sin_port)
        }
    }

    /// Prepares servers that know each other; none is started.
    static func ensemble(of count: Int, in parent: URL) throws -> [ZooKeeperServer] {
        let ports = try self.freePorts(count * 4)
        let members = (0..<count).map { (quorum: ports[$0 * 4], election: ports[$0 * 4 + 1]) }
        return try (0..<count).map { index in
            try ZooKeeperServer(
                id: index + 1,
                ports: [ports[index * 4 + 2], ports[index * 4 + 3]],
                members: members,
                in: parent
            )
        }
    }
}

/// Runs the disk script with a shell of this host.
func runDiskScript(
    data: String,
    logs: String? = nil,
    shell: [String] = ["/bin/sh"],
    as user: [String] = []
) throws -> (output: [UInt8], duration: Duration) {
    let process = Process()
    let command = user + shell + ["-s"] + DiskStateScript.arguments(dataDirectory: data, logDirectory: logs)
    process.executableURL = URL(fileURLWithPath: command[0])
    process.arguments = Array(command.dropFirst())
    let input = Pipe()
    let output = Pipe()
    process.standardInput = input
    process.standardOutput = output
    let began = ContinuousClock.now
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(DiskStateScript.text.utf8))
    try input.fileHandleForWriting.close()
    let bytes = [UInt8](try output.fileHandleForReading.readToEnd() ?? Data())
    process.waitUntilExit()
    return (bytes, ContinuousClock.now - began)
}
