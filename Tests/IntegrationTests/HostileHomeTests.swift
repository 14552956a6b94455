// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

extension IntegrationTests {
    /// Files that belong to OpenSSH, and that must mean nothing to us.
    @Suite(.lab, .enabled(if: getuid() == 0, "needs root, to put another home folder in place for one process"))
    struct HostileHomeTests {
        private let lab: SharedLab

        init() throws {
            self.lab = try #require(SharedLab.current)
        }

        @Test func `OpenSSH's configuration of user and system is not read, and no proxy command runs`() async throws {
            let mark = "\(self.lab.folder)/proxied"
            let hostile = """
                Match exec "touch \(mark)"
                Host *
                  ProxyCommand touch \(mark)
                  User nobody
                  Port 1
                  ForwardAgent yes
                """
            let file = try Selfheal.write(hostile, "config", in: "\(self.lab.folder)/hostile/.ssh")
            let runbook = try self.lab.runbook(
                "hostile",
                """
                  - id: restart
                    run: { targets: "[brokers[0]]", command: [env], effect: changes }
                    timeout: 20s
                """
            )
            let configuration = try self.lab.configuration("hostile")
            let home = String(cString: getpwuid(getuid()).pointee.pw_dir)
            let script = """
                mount --bind '\(self.lab.folder)/hostile' '\(home)'
                if [ -e /etc/ssh/ssh_config ]; then mount --bind '\(file)' /etc/ssh/ssh_config; fi
                ssh -o BatchMode=yes anywhere true </dev/null >/dev/null 2>&1
                [ -e '\(mark)' ] || exit 9
                rm '\(mark)'
                exec '\(Selfheal.path)' run '\(runbook)' --config '\(configuration)'
                """
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
            process.arguments = ["--mount", "--propagation", "private", "sh", "-c", script]
            process.environment = ProcessInfo.processInfo.environment.merging(["SSH_CONFIG": file]) { $1 }
            let output = "\(self.lab.folder)/hostile.out"
            _ = FileManager.default.createFile(atPath: output, contents: nil)
            let handle = try #require(FileHandle(forWritingAtPath: output))
            process.standardOutput = handle
            process.standardError = handle
            try process.run()
            let end = ContinuousClock.now + Selfheal.patience
            while process.isRunning, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
            }
            let text = try String(contentsOfFile: output, encoding: .utf8)
            // 9 would mean that OpenSSH itself did not fall for it, and nothing was shown.
            #expect(process.isRunning == false && process.terminationStatus == 0, "\(text)")
            #expect(!FileManager.default.fileExists(atPath: mark))
        }
    }
}
