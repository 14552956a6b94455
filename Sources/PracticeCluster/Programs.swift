// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Glibc

/// Where the programs and jars are that the practice cluster is made of.
///
/// An absolute path is taken as it is; a bare name is looked for in `PATH` and then in the places where Debian puts
/// programs, because an ordinary user's `PATH` lacks `/usr/sbin`.
package struct Programs: Hashable, Sendable, Codable {
    package var java = "java"
    /// sshd starts itself anew for each connection and therefore insists on an absolute path.
    package var sshd = "sshd"
    package var sshKeygen = "ssh-keygen"
    package var setsid = "setsid"
    package var flock = "flock"
    /// The folder with `zookeeper.jar`.
    package var jars = "/usr/share/java"

    package init() {}

    /// The same programs by absolute path, or an error that names all that are missing.
    func resolved() throws(PracticeClusterError) -> Programs {
        var resolved = self
        var missing: [String] = []
        var packages: [String] = []
        func need(_ what: String, from package: String) {
            missing.append(what)
            if !packages.contains(package) {
                packages.append(package)
            }
        }
        let programs: [(WritableKeyPath<Programs, String>, package: String)] = [
            (\.java, "default-jre-headless"), (\.sshd, "openssh-server"), (\.sshKeygen, "openssh-client"),
            (\.setsid, "util-linux"), (\.flock, "util-linux"),
        ]
        for (program, package) in programs {
            if let path = Self.find(self[keyPath: program]) {
                resolved[keyPath: program] = path
            } else {
                need("the program '\(self[keyPath: program])'", from: package)
            }
        }
        if access(self.jars + "/zookeeper.jar", R_OK) != 0 {
            need("'\(self.jars)/zookeeper.jar'", from: "zookeeper")
        }
        guard missing.isEmpty else {
            throw PracticeClusterError(
                .programMissing,
                "the practice cluster needs \(missing.joined(separator: " and ")); install with: "
                    + "apt-get install --no-install-recommends \(packages.joined(separator: " "))"
            )
        }
        return resolved
    }

    private static func find(_ program: String) -> String? {
        guard !program.contains("/") else {
            return access(program, X_OK) == 0 ? program : nil
        }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        return folders.lazy.filter { $0.hasPrefix("/") }.map { "\($0)/\(program)" }.first { access($0, X_OK) == 0 }
    }
}
