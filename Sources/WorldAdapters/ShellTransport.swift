// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import RunVocabulary
import SSHClient

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
    /// It was ended before its own end, and nothing of its session is left. Only this machine's shell can be so sure.
    case ended(EarlyEnd)

    enum EarlyEnd: Hashable, Sendable {
        case timeIsUp
        case cancelled
    }
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
