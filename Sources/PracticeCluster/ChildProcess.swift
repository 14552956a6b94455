// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Foundation
internal import Glibc

/// A short-lived program that we start and wait for.
enum ChildProcess {
    struct Outcome: Hashable, Sendable {
        /// The exit status, or `nil` when a signal ended it.
        let exitStatus: Int32?
        /// Standard output and standard error, as they came, up to the limit.
        let output: String
    }

    /// Bytes kept unless the caller says otherwise; what comes after them is read and thrown away.
    static let outputLimit = 64 << 10

    /// How long a program may take; only one that hangs does, and a busy machine is no reason to end it.
    static let patience: Duration = .seconds(120)

    /// Runs a program to its end.
    ///
    /// It gets no descriptor of ours but its three, so that a daemon which it leaves behind holds none of them open. When
    /// the deadline passes, it is killed and an error thrown.
    static func run(
        _ arguments: [String],
        adding environment: [String: String] = [:],
        keeping limit: Int = Self.outputLimit,
        within deadline: Duration = Self.patience
    ) async throws(PracticeClusterError) -> Outcome {
        try await Blocking.run { () throws(PracticeClusterError) in
            try Self.runBlocking(arguments, adding: environment, keeping: limit, within: deadline)
        }
    }

    /// Runs a program that has to succeed.
    static func succeed(
        _ arguments: [String],
        adding environment: [String: String] = [:],
        doing purpose: String
    ) async throws(PracticeClusterError) {
        let outcome = try await Self.run(arguments, adding: environment)
        guard outcome.exitStatus == 0 else {
            let status = outcome.exitStatus.map { "exit status \($0)" } ?? "a signal"
            throw PracticeClusterError(.couldNotStart, "\(purpose) failed (\(status)): \(outcome.output.trimmedEnd)")
        }
    }

    private static func runBlocking(
        _ arguments: [String],
        adding environment: [String: String],
        keeping limit: Int,
        within deadline: Duration
    ) throws(PracticeClusterError) -> Outcome {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw PracticeClusterError(.couldNotStart, "no pipe for \(arguments[0]): \(Files.reason())")
        }
        // Our own children close everything anyway; this is for whatever else this process may start.
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        let spawned = Self.spawn(arguments, adding: environment, output: ends[1])
        close(ends[1])
        defer { close(ends[0]) }
        let child: pid_t
        switch spawned {
        case .success(let pid): child = pid
        case .failure(let error): throw error
        }
        let end = ContinuousClock.now + deadline
        let (output, isComplete) = Self.drain(ends[0], keeping: limit, until: end)
        var status: Int32 = 0
        if !isComplete || !Self.hasEnded(child, until: end) {
            kill(child, SIGKILL)
            while waitpid(child, &status, 0) < 0, errno == EINTR {}
            throw PracticeClusterError(.timedOut, "\(arguments.joined(separator: " ")) took longer than \(deadline)")
        }
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        // The low seven bits are the signal; the next eight the status.
        return Outcome(exitStatus: status & 0x7f == 0 ? (status >> 8) & 0xff : nil, output: output)
    }

    private static func spawn(
        _ arguments: [String],
        adding additions: [String: String],
        output: Int32
    ) -> Result<pid_t, PracticeClusterError> {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        clinux_spawn_close_from(&actions, 3)

        // Whatever signals this process blocks or ignores is its own affair.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let argv = arguments.map { strdup($0) } + [nil]
        let envp = Self.environment(adding: additions).map { strdup($0) } + [nil]
        defer {
            for pointer in argv + envp {
                free(pointer)
            }
        }
        var child: pid_t = 0
        let failure = posix_spawn(&child, arguments[0], &actions, &attributes, argv, envp)
        guard failure == 0 else {
            let message = "\(arguments[0]) could not be started: \(Files.reason(failure))"
            return .failure(PracticeClusterError(.couldNotStart, message))
        }
        return .success(child)
    }

    private static func environment(adding additions: [String: String]) -> [String] {
        let all = ProcessInfo.processInfo.environment.merging(additions) { _, added in added }
        return all.keys.sorted().map { "\($0)=\(all[$0] ?? "")" }
    }

    /// Reads until the last writer is gone, or until the deadline.
    private static func drain(
        _ descriptor: Int32,
        keeping limit: Int,
        until end: ContinuousClock.Instant
    ) -> (String, isComplete: Bool) {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while Polling.wait(descriptor, until: end) {
            let count = read(descriptor, &chunk, chunk.count)
            if count > 0 {
                bytes.append(contentsOf: chunk[..<min(count, max(0, limit - bytes.count))])
            } else if count == 0 || errno != EINTR {
                return (String(decoding: bytes, as: UTF8.self), true)
            }
        }
        return (String(decoding: bytes, as: UTF8.self), false)
    }

    private static func hasEnded(_ child: pid_t, until end: ContinuousClock.Instant) -> Bool {
        let handle = pidfd_open(child, 0)
        guard handle >= 0 else {
            return false
        }
        defer { close(handle) }
        return Polling.wait(handle, until: end)
    }
}

/// Waiting for one descriptor to become readable.
enum Polling {
    static func wait(_ descriptor: Int32, until end: ContinuousClock.Instant) -> Bool {
        while true {
            let left = (end - ContinuousClock.now) / Duration.milliseconds(1)
            guard left > 0 else {
                return false
            }
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&entry, 1, Int32(min(left, 60_000)) + 1)
            if ready > 0 {
                return true
            }
            if ready < 0, errno != EINTR {
                return false
            }
        }
    }
}

extension String {
    var trimmedEnd: String {
        String(self.reversed().drop { $0.isWhitespace }.reversed())
    }
}
