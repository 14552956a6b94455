// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc

/// A TCP client that sends what it is told, byte for byte, to a port of this machine.
package final class RawClient: Sendable {
    package struct NotConnected: Error {}

    private let descriptor: Int32
    /// Far more than any of it should take.
    private static let patience = 60

    package init(port: Int) throws {
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var wait = timeval(tv_sec: Self.patience, tv_usec: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(self.descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = UInt16(port).bigEndian
        inet_pton(AF_INET, "127.0.0.1", &name.sin_addr)
        let result = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            throw NotConnected()
        }
    }

    deinit {
        close(self.descriptor)
    }

    package func send(_ text: String) {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(self.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else {
                return
            }
            sent += count
        }
    }

    /// Says that nothing more is sent; what comes can still be read.
    package func finish() {
        shutdown(self.descriptor, Int32(SHUT_WR))
    }

    /// Whether this came before the other end hung up.
    package func read(until text: String) async -> Bool {
        await self.read { $0.contains(text) }.contains(text)
    }

    /// Everything until the other end hangs up, or until it is enough.
    package func read(_ isEnough: @escaping @Sendable (String) -> Bool = { _ in false }) async -> String {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                var bytes: [UInt8] = []
                var piece = [UInt8](repeating: 0, count: 4_096)
                while !isEnough(String(decoding: bytes, as: UTF8.self)) {
                    let count = piece.withUnsafeMutableBytes { recv(self.descriptor, $0.baseAddress, $0.count, 0) }
                    guard count > 0 else {
                        break
                    }
                    bytes += piece[..<count]
                }
                continuation.resume(returning: String(decoding: bytes, as: UTF8.self))
            }
        }
    }

    /// Sends something, and returns all that comes back.
    package static func exchange(port: Int, _ text: String) async throws -> String {
        let client = try RawClient(port: port)
        client.send(text)
        return await client.read()
    }

    /// One request with a body, and the status and text of its answer.
    package static func post(
        port: Int,
        _ path: String,
        _ body: String,
        headers: [String: String] = [:]
    ) async throws -> (status: Int, text: String) {
        let lines = headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)\r\n" }.joined()
        return self.parts(
            try await self.exchange(
                port: port,
                "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\(lines)\r\n\(body)"
            )
        )
    }

    package static func get(port: Int, _ path: String) async throws -> (status: Int, text: String) {
        self.parts(
            try await self.exchange(port: port, "GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        )
    }

    private static func parts(_ answer: String) -> (status: Int, text: String) {
        let words = answer.split(separator: " ", maxSplits: 2)
        let body = answer.firstRange(of: "\r\n\r\n").map { answer[$0.upperBound...] } ?? ""
        return (words.count > 1 ? Int(words[1]) ?? 0 : 0, String(body))
    }
}

extension String {
    /// How often a text is in it.
    package func components(_ text: String) -> Int {
        self.ranges(of: text).count
    }
}
