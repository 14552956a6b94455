// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import RunVocabulary
import SSHClient
import Subprocess
import Synchronization
import SystemPackage

/// Carries one sh program to a shell and its answer back.
protocol ShellTransport: Sendable {
    /// Runs the program and hands its standard output to `onBytes` as it comes, in order.
    func run(
        _ script: RemoteScript,
        timeout: Duration,
        onBytes: @escaping @Sendable ([UInt8]) -> Void
    ) async -> ShellResult
}

enum ShellResult: Hashable, Sendable {
    case exited(status: Int32?, standardError: [UInt8])
    /// Nothing of it can have run.
    case notSent(reason: String)
    /// It may have run, wholly or in part.
    case broken(reason: String)
}

/// Over SSH.
struct SSHTransport: ShellTransport {
    let client: SSHClient
    let host: SSHHost

    func run(
        _ script: RemoteScript,
        timeout: Duration,
        onBytes: @escaping @Sendable ([UInt8]) -> Void
    ) async -> ShellResult {
        do throws(SSHError) {
            let result = try await self.client.run(
                script.commandLine,
                on: self.host,
                standardInput: script.standardInput,
                timeout: timeout,
                outputLimit: Self.outputLimit
            ) { chunk in
                if chunk.stream == .standardOutput {
                    onBytes(chunk.bytes)
                }
            }
            return .exited(status: result.exitStatus, standardError: result.standardError)
        } catch {
            return error.commandMayHaveStarted ? .broken(reason: error.message) : .notSent(reason: error.message)
        }
    }

    /// Both streams of a command at their limit, head and tail, with room for the frames.
    private static let outputLimit = 8 << 20
}

/// On the engine's own machine, by `/bin/sh -c`.
struct LocalTransport: ShellTransport {
    func run(
        _ script: RemoteScript,
        timeout: Duration,
        onBytes: @escaping @Sendable ([UInt8]) -> Void
    ) async -> ShellResult {
        await withTaskGroup(of: ShellResult?.self) { group in
            group.addTask { await Self.run(script, onBytes: onBytes) }
            group.addTask {
                try? await Task.sleep(for: timeout, clock: .continuous)
                return nil
            }
            defer { group.cancelAll() }
            switch await group.next() {
            case .some(.some(let result)): return result
            default:
                return .broken(reason: "the local shell did not end within \(timeout); what it started may still run")
            }
        }
    }

    private static func run(
        _ script: RemoteScript,
        onBytes: @escaping @Sendable ([UInt8]) -> Void
    ) async -> ShellResult {
        let hasStarted = Atomic(false)
        do {
            let result = try await Subprocess.run(
                .path("/bin/sh"),
                arguments: ["-c", script.commandLine],
                input: .array(script.standardInput),
                output: .sequence,
                error: .discarded
            ) { execution in
                hasStarted.store(true, ordering: .relaxed)
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
            return hasStarted.load(ordering: .relaxed) ? .broken(reason: reason) : .notSent(reason: reason)
        }
    }
}
