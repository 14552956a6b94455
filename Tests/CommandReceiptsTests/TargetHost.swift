// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Foundation
import Glibc
import Synchronization
import Testing

/// The shells that a target's `sh` may be.
enum HostShell: String, CaseIterable, CustomTestStringConvertible {
    case dash
    case bash
    case busybox

    var path: String? {
        ["/bin/", "/usr/bin/"].map { $0 + self.rawValue }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// dash and bash are on every Debian; busybox is tested where it is installed.
    static var installed: [HostShell] {
        Self.allCases.filter { $0.path != nil }
    }

    var testDescription: String {
        self.rawValue
    }
}

/// A pretend target: a home folder and a shell of its own on this machine.
final class TargetHost {
    let shell: HostShell
    let home: String
    private let path: String
    private let nonces = Mutex(0)
    private let fifos = Mutex<[Fifo]>([])

    init(_ shell: HostShell = .dash) throws {
        let home = FileManager.default.temporaryDirectory.path + "/receipts-\(UUID().uuidString)"
        let tools = home + "/tools"
        try FileManager.default.createDirectory(atPath: tools, withIntermediateDirectories: true)
        let binary = try #require(shell.path)
        if shell == .busybox {
            let applets = try Self.applets(of: binary)
            for applet in applets {
                try FileManager.default.createSymbolicLink(atPath: "\(tools)/\(applet)", withDestinationPath: binary)
            }
            self.path = tools
        } else {
            try FileManager.default.createSymbolicLink(atPath: tools + "/sh", withDestinationPath: binary)
            self.path = tools + ":/usr/bin:/bin"
        }
        self.shell = shell
        self.home = home
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.home)
    }

    private static func applets(of busybox: String) throws -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: busybox)
        process.arguments = ["--list"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let list = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: list, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    var folder: String {
        self.home + "/.selfheal/effects"
    }

    func file(_ name: String) -> String {
        self.home + "/" + name
    }

    func read(_ name: String) -> String {
        (try? String(contentsOfFile: self.file(name), encoding: .utf8)) ?? ""
    }

    func lines(_ name: String) -> [String] {
        self.read(name).split(separator: "\n").map(String.init)
    }

    func receipt(_ id: ReceiptID, _ name: String) -> String {
        ".selfheal/effects/\(id)/\(name)"
    }

    func wrapper(
        term: UInt64 = 1,
        incarnation: StoreIncarnation? = nil,
        store: ReceiptStore? = nil
    ) throws -> ReceiptWrapper {
        let number = self.nonces.withLock { count in
            count += 1
            return count
        }
        return try ReceiptWrapper(
            store: store ?? ReceiptStore(),
            term: term,
            nonce: "n0ncen0ncen0nce\(number)",
            incarnation: incarnation
        )
    }

    /// Opens the store and gives a wrapper that knows it.
    func opened(term: UInt64 = 1) throws -> ReceiptWrapper {
        let wrapper = try self.wrapper(term: term)
        let report = try self.send(wrapper.open(), wrapper)
        #expect(report.answer == .opened)
        return try self.wrapper(term: term, incarnation: #require(report.store).incarnation)
    }

    /// Starts what the transport would start: the login shell with our line.
    func spawn(
        _ script: RemoteScript,
        login: String? = nil,
        environment: [String: String] = [:],
        blocked: [Int32] = []
    ) throws -> Front {
        let login = try login ?? #require(self.shell.path)
        var variables = ["HOME": self.home, "PATH": self.path, "SHELL": login]
        variables.merge(environment) { _, new in new }
        let arguments = self.shell == .busybox && login == self.shell.path ? ["sh", "-c"] : ["-c"]
        return try Front(
            executable: login,
            arguments: arguments + [script.commandLine],
            environment: variables,
            input: script.standardInput,
            blocked: blocked
        )
    }

    func send(
        _ script: RemoteScript,
        _ wrapper: ReceiptWrapper,
        login: String? = nil,
        environment: [String: String] = [:]
    ) throws -> ReceiptReport {
        try self.spawn(script, login: login, environment: environment).report(wrapper)
    }

    func start(_ command: ReceiptCommand, _ wrapper: ReceiptWrapper) throws -> ReceiptReport {
        try self.send(wrapper.start(command), wrapper)
    }

    func ask(_ id: ReceiptID, _ wrapper: ReceiptWrapper, sealing: Bool = false) throws -> ReceiptReport {
        try self.send(wrapper.ask(id, begunAgo: .zero, sealing: sealing), wrapper)
    }

    func command(_ id: String, _ words: [ShellWord], budget: Duration = .seconds(60)) throws -> ReceiptCommand {
        ReceiptCommand(id: try ReceiptID(id), words: words, budget: budget, grace: .seconds(2))
    }

    /// A fifo that a command can wait on or report to, so that no test has to sleep.
    ///
    /// Held open here for both directions: then neither side ever waits for the other to open it.
    func fifo(_ name: String) throws -> Fifo {
        let fifo = try Fifo(self.file(name))
        self.fifos.withLock { $0.append(fifo) }
        return fifo
    }
}

final class Fifo: Sendable, CustomStringConvertible {
    /// Far longer than anything here takes; a test that waits this long has failed.
    private static let patienceMilliseconds: Int32 = 60_000

    let description: String
    private let handle: Int32

    init(_ path: String) throws {
        try #require(mkfifo(path, 0o600) == 0)
        self.description = path
        self.handle = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        try #require(self.handle >= 0)
    }

    deinit {
        close(self.handle)
    }

    /// Waits for a line.
    func line() throws -> String {
        var bytes: [UInt8] = []
        while bytes.last != UInt8(ascii: "\n") {
            var wanted = pollfd(fd: self.handle, events: Int16(POLLIN), revents: 0)
            try #require(poll(&wanted, 1, Self.patienceMilliseconds) == 1, "nobody wrote to \(self)")
            var byte: UInt8 = 0
            try #require(Glibc.read(self.handle, &byte, 1) == 1)
            bytes.append(byte)
        }
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }

    /// Lets whoever reads a line go on.
    func release() throws {
        try #require(write(self.handle, "\n", 1) == 1)
    }
}

/// The process a transport starts on the host, with its channel.
final class Front {
    let process: pid_t
    private let output: FileHandle
    private var status: Int32??
    private static let spawning = NSLock()

    /// The child starts with the signals in `blocked` blocked, as a careless transport leaves them.
    init(
        executable: String,
        arguments: [String],
        environment: [String: String],
        input: [UInt8],
        blocked: [Int32] = []
    ) throws {
        // Between a pipe and its mark another test's child could inherit it, and hold our channel open.
        Self.spawning.lock()
        defer { Self.spawning.unlock() }
        let entry = Pipe()
        let exit = Pipe()
        for handle in [entry.fileHandleForReading, entry.fileHandleForWriting] + [
            exit.fileHandleForReading, exit.fileHandleForWriting,
        ] {
            try #require(fcntl(handle.fileDescriptor, F_SETFD, FD_CLOEXEC) == 0)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, entry.fileHandleForReading.fileDescriptor, 0)
        posix_spawn_file_actions_adddup2(&actions, exit.fileHandleForWriting.fileDescriptor, 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The test runner's threads have signals blocked, and a child inherits that.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var mask = sigset_t()
        sigemptyset(&mask)
        for signal in blocked {
            sigaddset(&mask, signal)
        }
        var defaults = sigset_t()
        sigfillset(&defaults)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let argv = ([executable] + arguments).map { strdup($0) } + [nil]
        let envp = environment.sorted { $0.key < $1.key }.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer {
            for pointer in argv + envp {
                free(pointer)
            }
        }
        var process: pid_t = 0
        try #require(posix_spawn(&process, executable, &actions, &attributes, argv, envp) == 0)
        self.process = process
        self.output = exit.fileHandleForReading
        try exit.fileHandleForWriting.close()
        try entry.fileHandleForReading.close()
        let writer = entry.fileHandleForWriting
        Thread.detachNewThread {
            // A shell that refuses our line has gone before it reads.
            signal(SIGPIPE, SIG_IGN)
            try? writer.write(contentsOf: Data(input))
            try? writer.close()
        }
    }

    /// The exit status, or `nil` for a death by signal.
    private func reap() -> Int32? {
        if let status = self.status {
            return status
        }
        var raw: Int32 = 0
        while waitpid(self.process, &raw, 0) == -1, errno == EINTR {}
        let status = raw & 0x7f == 0 ? (raw >> 8) & 0xff : nil
        self.status = .some(status)
        return status
    }

    /// Reads to the end of the channel, which is when sshd would close it: nobody may hold it open.
    func raw() -> (bytes: [UInt8], status: Int32?) {
        let bytes = [UInt8](self.output.readDataToEndOfFile())
        return (bytes, self.reap())
    }

    func report(_ wrapper: ReceiptWrapper, outputLimit: Int = 65_536) -> ReceiptReport {
        let (bytes, status) = self.raw()
        var parser = ReceiptAnswerParser(nonce: wrapper.nonce, outputLimit: outputLimit)
        _ = parser.consume(bytes)
        return parser.finish(exitStatus: status)
    }

    /// Cuts the connection the hard way.
    func kill() {
        Glibc.kill(self.process, SIGKILL)
        _ = self.reap()
    }
}
