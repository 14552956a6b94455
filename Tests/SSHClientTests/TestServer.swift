// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import SSHClient
import TestSupport

/// A real sshd on loopback, in a temporary folder that goes with it.
///
/// It runs as whoever runs the tests and lets only that user in.
final class TestServer: @unchecked Sendable {
    /// Only changed by the test that owns the server, between its awaits.
    private var daemon: pid_t?
    let folder: URL
    let port: UInt16
    private let options: [String]
    /// The home folder of whoever logs in, where it is not that user's own.
    private let home: String?

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    init(keyTypes: [String] = ["ed25519"], options: [String] = [], home: String? = nil) throws {
        self.home = home
        self.folder = FileManager.default.temporaryDirectory.appending(path: "selfheal-ssh-\(UUID().uuidString)")
        self.options = options
        self.port = try Self.freePort()
        try FileManager.default.createDirectory(
            at: self.folder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        for type in keyTypes {
            try self.makeKey("host_\(type)", type: type)
        }
        try self.makeKey("user", type: "ed25519")
        try FileManager.default.copyItem(at: self.file("user.pub"), to: self.file("authorized_keys"))
        try self.writeConfiguration(keyTypes)
        if getuid() == 0 {
            try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        }
        try self.start()
    }

    deinit {
        self.stop()
        self.killCommands()
        try? FileManager.default.removeItem(at: self.folder)
    }

    func file(_ name: String) -> URL { self.folder.appending(path: name) }

    func makeKey(_ name: String, type: String, passphrase: String = "") throws {
        let bits = type == "rsa" ? ["-b", "2048"] : []
        let path = self.file(name).path
        try Self.run("/usr/bin/ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-C", "test", "-f", path] + bits)
    }

    func hostKey(_ type: String = "ed25519") throws -> SSHPublicKey {
        try self.publicKey("host_\(type)")
    }

    func publicKey(_ name: String) throws -> SSHPublicKey {
        try SSHPublicKey(line: String(contentsOf: self.file("\(name).pub"), encoding: .utf8))
    }

    /// Lets a key made by ``makeKey(_:type:passphrase:)`` in.
    func authorize(_ name: String) throws {
        let keys = try ["user", name].map { try String(contentsOf: self.file("\($0).pub"), encoding: .utf8) }
        try keys.joined().write(to: self.file("authorized_keys"), atomically: true, encoding: .utf8)
    }

    /// How to reach the server, rightly pinned.
    func host(key: String = "user", passphrase: SSHPassphrase? = nil, type: String = "ed25519") throws -> SSHHost {
        SSHHost(
            name: "alpha",
            address: "127.0.0.1",
            port: self.port,
            user: NSUserName(),
            hostKeys: [try self.hostKey(type)],
            identity: .keyFile(path: self.file(key).path, passphrase: passphrase),
            connectTimeout: .seconds(20)
        )
    }

    func start() throws {
        self.daemon = try startProgram(
            "/usr/sbin/sshd",
            ["-D", "-f", self.file("sshd_config").path, "-E", self.file("log").path]
        )
        for _ in 0..<1_000 {
            if Self.canConnect(to: self.port) { return }
            usleep(5_000)
        }
        throw Failure(description: "sshd did not start: \((try? self.log()) ?? "")")
    }

    /// What the environment of every command on this server contains.
    private var mark: String { "SELFHEAL_TEST_SERVER=\(self.folder.lastPathComponent)" }

    /// Ends the commands that were given up and run on.
    private func killCommands() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let process = pid_t(name),
                let environment = FileManager.default.contents(atPath: "/proc/\(name)/environ"),
                environment.split(separator: 0).contains(where: { $0.elementsEqual(self.mark.utf8) })
            else { continue }
            kill(process, SIGKILL)
        }
    }

    /// Ends the daemon and every connection that it serves.
    func stop() {
        guard let daemon = self.daemon else { return }
        self.killConnections()
        kill(daemon, SIGTERM)
        waitForEnd(of: daemon)
        self.daemon = nil
    }

    /// Kills the processes that serve connections; the daemon goes on.
    func killConnections() {
        guard let daemon = self.daemon else { return }
        for process in Self.descendants(of: daemon) where Self.isSSHD(process) {
            kill(process, SIGKILL)
        }
    }

    func log() throws -> String {
        try String(contentsOf: self.file("log"), encoding: .utf8)
    }

    private func writeConfiguration(_ keyTypes: [String]) throws {
        let lines =
            ["ListenAddress 127.0.0.1", "Port \(self.port)"]
            + keyTypes.map { "HostKey \(self.file("host_\($0)").path)" }
            + [
                "AuthorizedKeysFile \(self.file("authorized_keys").path)", "PidFile none", "StrictModes no",
                "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
                "PermitRootLogin prohibit-password", "UseDNS no", "PrintMotd no", "PrintLastLog no",
                "LogLevel VERBOSE",
                // Debian's bash reads ~/.bashrc for remote commands otherwise, which may say or cost anything.
                "SetEnv SHLVL=2 \(self.mark)" + (self.home.map { " HOME=\($0)" } ?? ""),
            ]
            + self.options
            + (self.options.contains { $0.hasPrefix("MaxStartups") } ? [] : ["MaxStartups 300:30:400"])
        try (lines.joined(separator: "\n") + "\n").write(
            to: self.file("sshd_config"),
            atomically: true,
            encoding: .utf8
        )
    }

    // MARK: The system

    /// Stops the daemon and everybody who serves a connection in their tracks, or lets them go on.
    func signalAll(_ signal: Int32) {
        guard let daemon = self.daemon else { return }
        for process in [daemon] + Self.descendants(of: daemon) {
            kill(process, signal)
        }
    }

    static func run(_ program: String, _ arguments: [String]) throws {
        let status = try runProgram(program, arguments)
        guard status == 0 else {
            throw Failure(description: "\(program) ended with \(status)")
        }
    }

    private static func descendants(of process: pid_t) -> [pid_t] {
        let list = try? String(contentsOfFile: "/proc/\(process)/task/\(process)/children", encoding: .utf8)
        let children = (list ?? "").split(separator: " ").compactMap { pid_t($0) }
        return children + children.flatMap { Self.descendants(of: $0) }
    }

    private static func isSSHD(_ process: pid_t) -> Bool {
        (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8))?.hasPrefix("sshd") ?? false
    }

    static func freePort() throws -> UInt16 {
        let listener = try Listener(backlog: 1)
        return listener.port
    }

    private static func canConnect(to port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        return Listener.connect(descriptor, to: port) == 0
    }
}

/// A socket that listens and never answers.
final class Listener: Sendable {
    let descriptor: Int32
    let port: UInt16

    init(backlog: Int32) throws {
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = Self.loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) | listen(descriptor, backlog)
                    | getsockname(descriptor, address, &length)
            }
        }
        guard status == 0 else { throw TestServer.Failure(description: "no socket: \(errno)") }
        self.port = UInt16(bigEndian: address.sin_port)
    }

    deinit {
        close(self.descriptor)
    }

    /// Connects until nobody else can: the kernel then drops further attempts.
    func fill() -> [Int32] {
        (0..<4).map { _ in
            let client = socket(
                AF_INET,
                Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue),
                0
            )
            _ = Self.connect(client, to: self.port)
            return client
        }
    }

    static func connect(_ descriptor: Int32, to port: UInt16) -> Int32 {
        var address = Self.loopback(port: port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}

/// Lets a test wait for output instead of for time.
final class OutputWatch: Sendable {
    private let stream: AsyncStream<SSHOutputChunk>
    private let continuation: AsyncStream<SSHOutputChunk>.Continuation

    init() {
        (self.stream, self.continuation) = AsyncStream.makeStream()
    }

    var handler: @Sendable (SSHOutputChunk) -> Void {
        { [continuation] chunk in continuation.yield(chunk) }
    }

    /// Waits for the first output, which a test's command writes once it runs.
    func first() async -> SSHOutputChunk? {
        await self.stream.first { _ in true }
    }
}

/// The error that `body` throws, or `nil` if it does not.
func sshError(_ body: () async throws(SSHError) -> SSHCommandResult) async -> SSHError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error
    }
}
