// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Sockets of this process that listen.
package enum ListeningSocket {
    /// Makes the one on a port of this machine fail, as the kernel may; whoever holds it has to find that out.
    ///
    /// - Returns: whether there was one.
    package static func fail(port: Int) -> Bool {
        for descriptor in Int32(3)..<1_024 {
            var listens = Int32(0)
            var size = socklen_t(MemoryLayout<Int32>.size)
            guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0, listens == 1 else {
                continue
            }
            var name = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let status = withUnsafeMutablePointer(to: &name) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
            }
            if status == 0, name.sin_family == sa_family_t(AF_INET), Int(UInt16(bigEndian: name.sin_port)) == port {
                return shutdown(descriptor, Int32(SHUT_RDWR)) == 0
            }
        }
        return false
    }
}
