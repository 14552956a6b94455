// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The user that this process runs as, who is also the one that logs in to the hosts.
struct UnixUser: Hashable, Sendable {
    let id: UInt32
    let name: String

    var isRoot: Bool { self.id == 0 }

    static var current: UnixUser {
        let id = geteuid()
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        // 16 KiB is what the C library itself suggests as enough for any entry.
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwuid_r(id, &entry, &buffer, buffer.count, &found) == 0, found != nil, let name = entry.pw_name else {
            return UnixUser(id: id, name: "uid\(id)")
        }
        return UnixUser(id: id, name: String(cString: name))
    }
}
