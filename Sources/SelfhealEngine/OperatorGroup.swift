// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Lets the members of a unix group speak to the engine.
///
/// They may pass through the store's folder to the socket and nothing more: the journal itself stays readable for the engine's user alone.
enum OperatorGroup {
    static func admit(_ name: String, to folder: String, socket: String) throws(EngineError) {
        var entry = group()
        var buffer = [CChar](repeating: 0, count: 65_536)
        var found: UnsafeMutablePointer<group>?
        guard getgrnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else {
            throw EngineError(
                "there is no unix group '\(name)'; 'store.group' names the group of those who operate runs"
            )
        }
        for (path, mode) in [(folder, mode_t(0o710)), ("\(folder)/\(socket)", mode_t(0o660))] {
            guard chown(path, uid_t.max, entry.gr_gid) == 0, chmod(path, mode) == 0 else {
                let reason = String(cString: strerror(errno)).lowercased()
                throw EngineError(
                    "'\(path)' cannot be opened to the group '\(name)': \(reason); is its user a member of it?"
                )
            }
        }
    }
}
