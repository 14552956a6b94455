// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibssh
internal import Synchronization

/// Runs commands on other machines over SSH.
///
/// Connections are made when they are needed, shared by commands for the same ``SSHHost``, and closed when
/// nobody has used them for a while. One thread drives them all; no call here blocks one.
///
/// Every host is answered for by keys that are pinned in its ``SSHHost``. A host that proves itself with
/// another one is refused before it learns who we are, and nothing is ever learned or written by itself.
package final class SSHClient: Sendable {
    package struct Configuration: Sendable {
        /// How many connections one host gets at most, those being made included.
        ///
        /// sshd drops connections at random from ten unfinished ones on (`MaxStartups`).
        package var sessionsPerHost = 8
        /// How many commands share one connection; sshd allows ten (`MaxSessions`).
        package var channelsPerSession = 8
        /// How long a connection without a command is kept; with zero it goes when no other command waits for it.
        package var idleTimeout = Duration.seconds(60)
        /// How long a server may take to let go of a channel whose command we gave up.
        ///
        /// After that its connection takes no new commands, because the server counts the place as taken for as
        /// long as the command runs on.
        package var closeGrace = Duration.seconds(2)
        /// How long a machine may be silent, when it should have answered, before its connections count as dead.
        package var deadPeerAfter = Duration.seconds(30)
        /// How many commands may be unfinished; more are refused, not queued.
        package var commandLimit = 10_000

        package init() {}
    }

    /// The longest command; Linux gives no program a longer argument, and the login shell gets it as one.
    package static let commandByteLimit = 131_071

    private let configuration: Configuration
    private let mailbox: Mailbox

    /// Starts the driver's thread.
    package init(_ configuration: Configuration = Configuration()) throws(SSHError) {
        guard let mailbox = Mailbox(), let poller = Poller() else {
            throw SSHError(.overloaded, "Selfheal has no file descriptors left; raise its limit (ulimit -n)")
        }
        LibraryGate.prepare()
        self.configuration = configuration
        self.mailbox = mailbox
        let start = Mutex<Poller?>(poller)
        guard
            BackgroundThread.start(
                name: "ssh.driver",
                {
                    if let poller = start.withLock({ $0.take() }) {
                        // The driver's beginning and end are inside, too; it leaves the gate itself while it waits.
                        LibraryGate.enter()
                        Driver(configuration, mailbox, poller).run()
                        LibraryGate.leave()
                    }
                }
            )
        else {
            throw SSHError(.overloaded, "Selfheal cannot start another thread; raise its limit (ulimit -u)")
        }
    }

    deinit {
        self.mailbox.close()
    }

    /// Runs `command` through the user's login shell and waits for its end.
    ///
    /// - Parameters:
    ///   - command: What the login shell is to read; build it with `ShellWords` from the vocabulary.
    ///   - host: Where.
    ///   - standardInput: What the command can read, followed by the end of input.
    ///   - timeout: How long all of it may take, waiting and connecting included. A command that is sent and then
    ///     overtaken by the time is left to itself: closing its channel does not end it.
    ///   - outputLimit: How much of each stream is kept, in bytes; the rest is read and dropped.
    ///   - onOutput: Called with output as it arrives, in order, on the driver's thread: it must be quick and
    ///     must not block. It sees no more than is kept.
    /// - Returns: How the command ended, whether well or badly.
    /// - Throws: An ``SSHError`` if that is not known, which says whether the command may have started.
    package func run(
        _ command: String,
        on host: SSHHost,
        standardInput: [UInt8] = [],
        timeout: Duration,
        outputLimit: Int = 1 << 20,
        onOutput: (@Sendable (SSHOutputChunk) -> Void)? = nil
    ) async throws(SSHError) -> SSHCommandResult {
        try await self.run(
            Array(command.utf8),
            on: host,
            standardInput: standardInput,
            timeout: timeout,
            outputLimit: outputLimit,
            onOutput: onOutput
        )
    }

    /// Like ``run(_:on:standardInput:timeout:outputLimit:onOutput:)-(String,_,_,_,_,_)``, for a command that is
    /// not text.
    package func run(
        _ command: [UInt8],
        on host: SSHHost,
        standardInput: [UInt8] = [],
        timeout: Duration,
        outputLimit: Int = 1 << 20,
        onOutput: (@Sendable (SSHOutputChunk) -> Void)? = nil
    ) async throws(SSHError) -> SSHCommandResult {
        try host.validate()
        try Self.validate(command, for: host)
        let ticket = CommandTicket()
        let now = BootTime.now()
        let result: Result<SSHCommandResult, SSHError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let request = CommandRequest(
                    ticket: ticket,
                    host: host,
                    text: command,
                    standardInput: standardInput,
                    submittedAt: now,
                    deadline: now + timeout,
                    outputLimit: max(outputLimit, 0),
                    onOutput: onOutput,
                    continuation: continuation
                )
                switch self.mailbox.submit(request, limit: self.configuration.commandLimit) {
                case nil: break
                case .full: continuation.resume(returning: .failure(self.overloaded))
                case .closed: continuation.resume(returning: .failure(Self.shutDown))
                }
            }
        } onCancel: {
            ticket.cancel()
            self.mailbox.post(.cancel(ticket))
        }
        return try result.get()
    }

    /// Ends every connection and every command, and returns when the thread has let go of them.
    package func shutDown() async {
        self.mailbox.close()
        await self.mailbox.waitForEnd()
    }

    package var counters: SSHCounters { self.mailbox.counters }

    /// What `selfheal doctor` shows; the version alone does not say which fixes a distribution has added.
    package static var libraryVersion: String {
        unsafe ssh_version(0).map { unsafe String(cString: $0) } ?? "unknown"
    }

    private static func validate(_ command: [UInt8], for host: SSHHost) throws(SSHError) {
        guard !command.isEmpty else {
            throw SSHError(.invalidCommand, "the command for \(host.label) is empty")
        }
        guard command.count <= Self.commandByteLimit else {
            throw SSHError(
                .invalidCommand,
                """
                the command for \(host.label) has \(command.count) bytes, and no shell takes more than \
                \(Self.commandByteLimit); send the long part as standard input
                """
            )
        }
        guard !command.contains(0) else {
            throw SSHError(
                .invalidCommand,
                "the command for \(host.label) contains a zero byte, which no argument can carry"
            )
        }
    }

    private static let shutDown = SSHError(.shutDown, "Selfheal is shutting down")

    private var overloaded: SSHError {
        SSHError(
            .overloaded,
            "\(self.configuration.commandLimit) remote commands are unfinished, and no more are taken; try again later"
        )
    }
}
