// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// On the engine's own machine, by `/bin/sh -c`, in a session of its own.
///
/// ```
///     started ──EOF and exit──▶ exited
///        │ time is up, or cancelled: TERM, KILL
///        ├── nothing of the session is left ──▶ ended
///        └── something is ────────────────────▶ broken
/// ```
///
/// Whoever left the session may hold the pipe for as long as it likes. It is not waited for: the answer comes when the time is up.
struct LocalTransport: ShellTransport {
    /// From TERM to KILL, and from KILL to giving up.
    private static let grace = Duration.seconds(2)

    func run(
        _ script: RemoteScript,
        timeout: Duration,
        onBytes: @escaping @Sendable ([UInt8]) -> Void
    ) async -> ShellResult {
        let shell = LocalShell()
        let task = Task.immediate { await shell.run(script, onBytes: onBytes) }
        let timer = Task {
            guard (try? await Task.sleep(for: timeout, clock: .continuous)) != nil else {
                return
            }
            await shell.end(.timeIsUp, after: "\(timeout)", grace: Self.grace)
        }
        let waiter = Task { shell.settle(await task.value) }
        defer {
            timer.cancel()
            waiter.cancel()
        }
        return await withTaskCancellationHandler {
            await shell.result()
        } onCancel: {
            // Not a child: a cancelled task could not wait for the grace.
            Task.detached { await shell.end(.cancelled, after: "a stop", grace: Self.grace) }
        }
    }
}

/// One shell of this machine, and the one answer about it.
private final class LocalShell: Sendable {
    private struct State {
        var session: pid_t?
        var hasStarted = false
        var isEnding = false
        var result: ShellResult?
        var waiting: CheckedContinuation<ShellResult, Never>?
    }

    private let state = Mutex(State())

    func run(_ script: RemoteScript, onBytes: @escaping @Sendable ([UInt8]) -> Void) async -> ShellResult {
        var options = PlatformOptions()
        options.createSession = true
        do {
            let result = try await Subprocess.run(
                .path("/bin/sh"),
                arguments: ["-c", script.commandLine],
                platformOptions: options,
                input: .array(script.standardInput),
                output: .sequence,
                error: .discarded
            ) { execution in
                let session = execution.processIdentifier.value
                self.state.withLock { state in
                    state.session = session
                    state.hasStarted = true
                }
                for try await buffer in execution.standardOutput {
                    onBytes(buffer.withUnsafeBytes { Array($0) })
                }
            }
            switch result.terminationStatus {
            case .exited(let status): return .exited(status: status, standardError: [])
            case .signaled: return .exited(status: nil, standardError: [])
            }
        } catch {
            let reason = "the local shell could not be run: \(error)"
            return self.state.withLock({ $0.hasStarted }) ? .broken(reason: reason) : .notSent(reason: reason)
        }
    }

    func result() async -> ShellResult {
        await withCheckedContinuation { continuation in
            let known = self.state.withLock { state in
                if state.result == nil {
                    state.waiting = continuation
                }
                return state.result
            }
            if let known {
                continuation.resume(returning: known)
            }
        }
    }

    /// The shell's own end; one that was brought about is told by whoever did.
    func settle(_ result: ShellResult) {
        self.tell(result, isEnding: false)
    }

    private func tell(_ result: ShellResult, isEnding: Bool) {
        let waiting = self.state.withLock { state -> CheckedContinuation<ShellResult, Never>? in
            guard state.result == nil, state.isEnding == isEnding else {
                return nil
            }
            state.result = result
            defer { state.waiting = nil }
            return state.waiting
        }
        waiting?.resume(returning: result)
    }

    /// Ends everything in the session, and says whether it is gone.
    func end(_ cause: ShellResult.EarlyEnd, after what: String, grace: Duration) async {
        let isFirst = self.state.withLock { state in
            guard !state.isEnding, state.result == nil else {
                return false
            }
            state.isEnding = true
            return true
        }
        guard isFirst else {
            return
        }
        guard let session = await self.session(within: grace) else {
            self.tell(.broken(reason: "the local shell was not seen to start before \(what)"), isEnding: true)
            return
        }
        for signal in [SIGTERM, SIGKILL] {
            LocalProcesses.signal(signal, session: session)
            if await self.isGone(session, within: grace) {
                self.tell(.ended(cause), isEnding: true)
                return
            }
        }
        self.tell(
            .broken(reason: "the local shell did not end after \(what); what it started may still run"),
            isEnding: true
        )
    }

    /// The shell may run before we have heard of it.
    private func session(within grace: Duration) async -> pid_t? {
        let end = ContinuousClock.now + grace
        while ContinuousClock.now < end {
            if let session = self.state.withLock({ $0.session }) {
                return session
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return nil
    }

    private func isGone(_ session: pid_t, within grace: Duration) async -> Bool {
        let end = ContinuousClock.now + grace
        repeat {
            if LocalProcesses.members(of: session).isEmpty {
                return true
            }
            try? await Task.sleep(for: .milliseconds(20))
        } while ContinuousClock.now < end
        return false
    }
}

/// What `/proc` says about a session.
private enum LocalProcesses {
    /// The processes of the session that are not mere remains.
    static func members(of session: pid_t) -> [pid_t] {
        guard let folder = opendir("/proc") else {
            // Who cannot look must not say that nobody is there.
            return [session]
        }
        defer { closedir(folder) }
        var members: [pid_t] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let process = pid_t(name), self.isAlive(process, in: session) {
                members.append(process)
            }
        }
        return members
    }

    static func signal(_ signal: Int32, session: pid_t) {
        for process in self.members(of: session) {
            kill(process, signal)
        }
    }

    /// `pid (name) state parent group session …`; the name may hold anything, brackets included.
    private static func isAlive(_ process: pid_t, in session: pid_t) -> Bool {
        guard let text = self.text(ofFile: "/proc/\(process)/stat"), let bracket = text.lastIndex(of: ")") else {
            return false
        }
        let fields = text[text.index(after: bracket)...].split(separator: " ")
        guard fields.count > 3, pid_t(fields[3]) == session else {
            return false
        }
        return fields[0] != "Z" && fields[0] != "X"
    }

    private static func text(ofFile path: String) -> String? {
        guard let file = try? FileDescriptor.open(path, .readOnly) else {
            return nil
        }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 1_024)
        guard let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0) }) else {
            return nil
        }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
