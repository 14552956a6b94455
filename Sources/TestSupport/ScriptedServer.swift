// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// A TCP server on loopback that does exactly what a test says, connection by connection.
///
/// For what no well-behaved server does: never answering, hanging up in mid-sentence, refusing at a chosen moment. Each
/// connection has a thread of its own, so a script simply blocks.
package final class ScriptedServer: Sendable {
    private struct State {
        var connections: [CInt] = []
        var isStopped = false
    }

    package let port: UInt16
    private let listener: CInt
    private let state = Mutex(State())

    /// Listens on a free port and runs `script` for every connection, numbered from zero.
    ///
    /// A small `receiveBuffer`, in bytes, makes a client wait in the middle of a long message.
    package init(
        receiveBuffer: CInt? = nil,
        _ script: @escaping @Sendable (_ connection: ScriptedConnection, _ number: Int) -> Void
    ) throws {
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard listener >= 0 else { throw POSIXError(.EMFILE) }
        if var receiveBuffer {
            setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<CInt>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard isListening else {
            close(listener)
            throw POSIXError(.EADDRINUSE)
        }
        self.listener = listener
        self.port = UInt16(bigEndian: address.sin_port)
        Thread { self.accept(script) }.start()
    }

    package func stop() {
        self.state.withLock { state in
            guard !state.isStopped else { return }
            state.isStopped = true
            shutdown(self.listener, CInt(SHUT_RDWR))
            for connection in state.connections { shutdown(connection, CInt(SHUT_RDWR)) }
        }
    }

    private func accept(_ script: @escaping @Sendable (ScriptedConnection, Int) -> Void) {
        var number = 0
        while true {
            let descriptor = Foundation.accept(self.listener, nil, nil)
            guard descriptor >= 0 else { break }
            let isWelcome = self.state.withLock { state in
                if !state.isStopped { state.connections.append(descriptor) }
                return !state.isStopped
            }
            guard isWelcome else {
                close(descriptor)
                continue
            }
            let connectionNumber = number
            number += 1
            Thread {
                script(ScriptedConnection(descriptor), connectionNumber)
                self.state.withLock { $0.connections.removeAll { $0 == descriptor } }
                close(descriptor)
            }.start()
        }
        close(self.listener)
    }
}

/// One accepted connection, for the thread that serves it.
package final class ScriptedConnection {
    /// What a client sent as one HTTP request.
    package struct Request: Sendable {
        package var head: [String]
        package var body: [UInt8]

        package var text: String { String(decoding: self.body, as: UTF8.self) }

        /// The value of the first header of this name; names are given in lower case.
        package func header(_ name: String) -> String? {
            for line in self.head.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts.count == 2, parts[0].lowercased() == name {
                    return parts[1].trimmingCharacters(in: .whitespaces)
                }
            }
            return nil
        }
    }

    private let descriptor: CInt
    private var buffer: [UInt8] = []

    fileprivate init(_ descriptor: CInt) {
        self.descriptor = descriptor
    }

    package func send(_ text: String) {
        self.send(Array(text.utf8))
    }

    package func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(self.descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest.removeFirst(count)
        }
    }

    /// The next line without its end, or `nil` once the client has closed.
    package func line() -> String? {
        while true {
            if let end = self.buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = self.buffer[..<end].filter { $0 != UInt8(ascii: "\r") }
                self.buffer.removeFirst(end + 1)
                return String(decoding: line, as: UTF8.self)
            }
            guard self.fill() else { return nil }
        }
    }

    package func bytes(_ count: Int) -> [UInt8]? {
        while self.buffer.count < count {
            guard self.fill() else { return nil }
        }
        defer { self.buffer.removeFirst(count) }
        return Array(self.buffer.prefix(count))
    }

    package func request() -> Request? {
        var head: [String] = []
        while let line = self.line(), !line.isEmpty { head.append(line) }
        guard !head.isEmpty else { return nil }
        var request = Request(head: head, body: [])
        if let length = request.header("content-length").flatMap({ Int($0) }) {
            guard let body = self.bytes(length) else { return nil }
            request.body = body
        }
        return request
    }

    /// Sends a complete HTTP answer that leaves the connection open.
    package func answer(_ status: String, headers: [String] = [], body: String = "") {
        let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)"] + headers + ["", ""]
        self.send(lines.joined(separator: "\r\n") + body)
    }

    /// Waits for the client to hang up.
    package func waitUntilClosed() {
        while self.fill() { self.buffer = [] }
    }

    private func fill() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 16384)
        let count = chunk.withUnsafeMutableBytes { recv(self.descriptor, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { return false }
        self.buffer += chunk.prefix(count)
        return true
    }
}
