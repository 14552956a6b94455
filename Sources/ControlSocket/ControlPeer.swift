// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Who is at the other end of a connection, as the kernel knows it.
///
/// These are the credentials of the process at the time it connected; no client can choose them.
package struct ControlPeer: Hashable, Sendable {
    package var uid: UInt32
    package var gid: UInt32
    package var pid: Int32
    /// The user's name; `nil` if the system's user database has none for this number.
    package var userName: String?

    package init(uid: UInt32, gid: UInt32, pid: Int32, userName: String?) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
        self.userName = userName
    }
}

extension ControlPeer {
    /// Asks the kernel, and then the user database; the latter may block.
    init(of descriptor: Int32) throws(ControlError) {
        // The kernel's `struct ucred`, which glibc hides without _GNU_SOURCE: three 32-bit numbers.
        var credentials = (pid: Int32(0), uid: UInt32(0), gid: UInt32(0))
        var length = socklen_t(MemoryLayout.size(ofValue: credentials))
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else {
            throw .system("cannot tell who connected", errno)
        }
        self.init(
            uid: credentials.uid,
            gid: credentials.gid,
            pid: credentials.pid,
            userName: Self.name(of: credentials.uid)
        )
    }

    private static let nameBytes = 16 << 10

    private static func name(of uid: UInt32) -> String? {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Self.nameBytes) { buffer in
            guard
                let start = buffer.baseAddress,
                unsafe getpwuid_r(uid, &entry, start, buffer.count, &found) == 0,
                unsafe found != nil,
                let name = unsafe entry.pw_name
            else {
                return nil
            }
            return unsafe String(cString: name)
        }
    }
}
