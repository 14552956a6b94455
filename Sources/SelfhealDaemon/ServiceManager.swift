// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
package import RunVocabulary

/// Tells systemd how we are, where systemd started us (`Type=notify`); otherwise nobody.
package struct ServiceManager: Sendable {
    private let path: String?
    /// How long we may be silent before we are taken for dead; nothing if nobody minds.
    package let watchdog: Milliseconds?

    /// Takes the environment that systemd gives a service.
    package init(environment: [String: String], process: Int32) {
        self.path = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
        let isForUs = environment["WATCHDOG_PID"].map { $0 == "\(process)" } ?? true
        let microseconds = environment["WATCHDOG_USEC"].flatMap { Int64($0) } ?? 0
        self.watchdog = isForUs && microseconds > 0 ? Milliseconds(microseconds / 1_000) : nil
    }

    /// Sends `READY=1`, `WATCHDOG=1` and the like; says whether somebody took it.
    @discardableResult
    package func say(_ state: String) -> Bool {
        guard let path = self.path else {
            return false
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            return false
        }
        // A socket without a file begins with a zero byte, which is written as '@'.
        if bytes.first == UInt8(ascii: "@") {
            bytes[0] = 0
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let kind = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else {
            return false
        }
        defer { close(descriptor) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let message = Array(state.utf8)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), name, length) == message.count
            }
        }
    }
}
