// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import SSHClient
import Synchronization
import Testing

/// Processes that end without a word to the client.
@Suite struct SSHExitTests {
    // Goal: `exit` takes the libraries apart, and no thread of ours is in them at that time.
    // Method: a child process keeps eight threads busy with key exchanges, and exits in the midst of them, several times over.
    @Test(arguments: 1...6)
    func `a process that exits under its connections does not crash`(round: Int) async throws {
        let server = try TestServer()
        let folder = server.folder.path
        let port = server.port
        await #expect(processExitsWith: .exitCode(7)) { [folder = folder as String, port = port as UInt16, round] in
            let pin = try String(contentsOfFile: "\(folder)/host_ed25519.pub", encoding: .utf8)
            let host = SSHHost(
                name: "alpha",
                address: "127.0.0.1",
                port: port,
                user: NSUserName(),
                hostKeys: [try SSHPublicKey(line: pin)],
                identity: .keyFile(path: "\(folder)/user", passphrase: nil),
                connectTimeout: .seconds(20)
            )
            let rounds = Rounds()
            for _ in 0..<8 {
                Task { await Self.connectForever(to: host, rounds) }
            }
            while rounds.count.withLock({ $0 < 3 * round }) {
                try await Task.sleep(for: .milliseconds(1))
            }
            exit(7)
        }
    }

    private final class Rounds: Sendable {
        let count = Mutex(0)
    }

    private static func connectForever(to host: SSHHost, _ rounds: Rounds) async {
        while true {
            if let client = try? SSHClient() {
                _ = try? await client.run("true", on: host, timeout: .seconds(60))
                await client.shutDown()
            }
            rounds.count.withLock { $0 += 1 }
        }
    }
}
