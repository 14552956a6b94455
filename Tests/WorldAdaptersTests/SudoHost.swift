// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// A real sshd on loopback with a user that logs in and users that it may become, or not, by sudo.
///
/// Making users needs root; where the tests do not run as root, those that need this are skipped.
final class SudoHost: @unchecked Sendable {
    static let isPossible = getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/sudo")

    let folder: URL
    let port: UInt16
    let login: String
    /// May be become.
    let service: String
    /// May not.
    let forbidden: String
    private var daemon: pid_t?

    struct Failure: Error {
        let description: String
    }

    init() async throws {
        let mark = UUID().uuidString.prefix(8).lowercased()
        self.folder = URL(filePath: "/tmp/selfheal-sudo-\(mark)")
        (self.login, self.service, self.forbidden) = ("shl\(mark)", "shs\(mark)", "shf\(mark)")
        self.port = UInt16.random(in: 20_000..<32_000)
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        for user in [self.login, self.service, self.forbidden] {
            // A service has no login shell, as services have none.
            let shell = user == self.login ? "/bin/sh" : "/usr/sbin/nologin"
            let home = self.folder.appending(path: user).path
            try Self.run(["/usr/sbin/useradd", "-m", "-d", home, "-s", shell, "-p", "*", user])
        }
        let rule = "\(self.login) ALL=(\(self.service)) NOPASSWD: ALL\n"
        try rule.write(toFile: self.ruleFile, atomically: true, encoding: .utf8)
        chmod(self.ruleFile, 0o440)
        for key in ["host", "user"] {
            try Self.run(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.file(key)])
        }
        try FileManager.default.copyItem(atPath: self.file("user.pub"), toPath: self.file("authorized_keys"))
        try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        let lines = [
            "ListenAddress 127.0.0.1", "Port \(self.port)", "HostKey \(self.file("host"))",
            "AuthorizedKeysFile \(self.file("authorized_keys"))", "PidFile none", "StrictModes no", "UsePAM no",
            "PasswordAuthentication no", "MaxStartups 100",
        ]
        try (lines.joined(separator: "\n") + "\n").write(toFile: self.file("config"), atomically: true, encoding: .utf8)
        self.daemon = try startProgram("/usr/sbin/sshd", ["-D", "-f", self.file("config"), "-E", self.file("log")])
        try await self.wait {
            (try? String(contentsOfFile: self.file("log"), encoding: .utf8))?.contains("listening") ?? false
        }
    }

    deinit {
        if let daemon = self.daemon {
            kill(daemon, SIGTERM)
            waitForEnd(of: daemon)
        }
        for user in [self.login, self.service, self.forbidden] {
            try? Self.run(["/usr/bin/pkill", "-KILL", "-u", user])
            try? Self.run(["/usr/sbin/userdel", "-f", user])
        }
        try? FileManager.default.removeItem(atPath: self.ruleFile)
        try? FileManager.default.removeItem(at: self.folder)
    }

    private var ruleFile: String { "/etc/sudoers.d/\(self.login)" }

    func file(_ name: String) -> String { self.folder.appending(path: name).path }

    func text(_ name: String) throws -> String { try String(contentsOfFile: self.file(name), encoding: .utf8) }

    /// How many processes of a user match a word in their arguments.
    func processes(of user: String, like word: String) -> Int {
        guard let account = getpwnam(user) else { return 0 }
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return entries.count { name in
            var status = stat()
            guard pid_t(name) != nil, stat("/proc/\(name)", &status) == 0, status.st_uid == account.pointee.pw_uid,
                let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline")
            else { return false }
            return String(decoding: line, as: UTF8.self).contains(word)
        }
    }

    /// Without holding up those whom it waits for: tests share few threads.
    func wait(until holds: () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(90)
        while ContinuousClock.now < end {
            if holds() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Failure(description: "it did not come to be")
    }

    private static func run(_ words: [String]) throws {
        let status = try runProgram(words[0], Array(words.dropFirst()))
        guard status == 0 else { throw Failure(description: "\(words) ended with \(status)") }
    }
}
