// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A TCP server that answers one connection with bytes a test has written down, whatever it is sent.
final class ScriptedServer: Sendable {
    enum Step: Sendable {
        /// Waits for so many bytes.
        case read(Int)
        case write([UInt8])
        /// Waits until the client has closed.
        case readToEnd
    }

    let port: UInt16
    private let listener: Int32

    init(_ steps: [Step]) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
            }
        }
        guard status == 0, listen(descriptor, 16) == 0 else {
            throw ZooKeeperServer.SetupFailure(message: "cannot listen: errno \(errno)")
        }
        self.listener = descriptor
        self.port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { Self.serve(descriptor, steps) }
    }

    deinit {
        shutdown(self.listener, Int32(SHUT_RDWR))
        close(self.listener)
    }

    private static func serve(_ listener: Int32, _ steps: [Step]) {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        defer { close(connection) }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        for step in steps {
            switch step {
            case .read(var missing):
                while missing > 0 {
                    let count = recv(connection, &buffer, min(missing, buffer.count), 0)
                    guard count > 0 else { return }
                    missing -= count
                }
            case .write(let bytes): _ = send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            case .readToEnd: while recv(connection, &buffer, buffer.count, 0) > 0 {}
            }
        }
    }
}
