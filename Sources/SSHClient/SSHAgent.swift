// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Speaks to an ssh-agent: asks which keys it has, and for signatures by the one key that was named.
///
/// Blocks, for as long as the agent may take to ask its owner; so it is used on threads that may wait. The agent is never
/// forwarded to a host.
struct SSHAgent: Sendable {
    /// How long an agent may take, which is as long as its owner may take to confirm.
    private static let patience = 30
    private static let messageLimit = 256 * 1_024

    enum Message {
        static let failure: UInt8 = 5
        static let requestIdentities: UInt8 = 11
        static let identities: UInt8 = 12
        static let signRequest: UInt8 = 13
        static let signature: UInt8 = 14
    }

    struct Failure: Error {
        let message: String
    }

    let path: String

    /// Whether the agent holds the key.
    func holds(_ key: SSHPublicKey) throws(Failure) -> Bool {
        let answer = try self.ask([Message.requestIdentities])
        var reader = WireReader(answer)
        guard reader.byte() == Message.identities, let count = reader.number() else {
            throw Failure(message: "the agent would not say which keys it has; it may be locked")
        }
        for _ in 0..<min(count, 4_096) {
            guard let blob = reader.string(), reader.string() != nil else { break }
            if Array(blob) == key.blob {
                return true
            }
        }
        return false
    }

    /// Passes a request on and returns the answer, both without their lengths.
    func ask(_ request: [UInt8]) throws(Failure) -> [UInt8] {
        let socket = OwnedDescriptor(
            number: socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        )
        guard socket.number >= 0 else { throw Failure(message: "there is no socket left") }
        try self.connect(socket)
        var limit = timeval(tv_sec: Self.patience, tv_usec: 0)
        unsafe setsockopt(socket.number, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        unsafe setsockopt(socket.number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let message = WireReader.string(request)
        var sent = 0
        while sent < message.count {
            let count = unsafe message.withUnsafeBytes { bytes in
                unsafe send(
                    socket.number,
                    bytes.baseAddress.map { unsafe $0 + sent },
                    message.count - sent,
                    CInt(MSG_NOSIGNAL)
                )
            }
            guard count > 0 else { throw Failure(message: "the agent hung up") }
            sent += count
        }
        let length = try Self.read(socket, count: 4).reduce(0) { $0 << 8 | Int($1) }
        guard length > 0, length <= Self.messageLimit else { throw Failure(message: "the agent's answer is no answer") }
        return try Self.read(socket, count: length)
    }

    private func connect(_ socket: borrowing OwnedDescriptor) throws(Failure) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(self.path.utf8)
        let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { place in
            guard bytes.count < place.count else { return false }
            unsafe place.copyBytes(from: bytes)
            return true
        }
        guard fits else { throw Failure(message: "the path is too long for a socket") }
        let status = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe Glibc.connect(socket.number, address, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard status == 0 else {
            throw Failure(message: "nobody answers there: \(unsafe String(cString: strerror(errno)))")
        }
    }

    private static func read(_ socket: borrowing OwnedDescriptor, count: Int) throws(Failure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe recv(socket.number, buffer.baseAddress.map { unsafe $0 + done }, count - done, 0)
            }
            guard got > 0 else {
                throw Failure(message: got == 0 ? "the agent hung up" : "the agent did not answer in time")
            }
            done += got
        }
        return bytes
    }
}

/// SSH's wire format: numbers of four bytes, and strings with their length in front.
struct WireReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) {
        self.rest = bytes[...]
    }

    mutating func byte() -> UInt8? { self.rest.popFirst() }

    mutating func number() -> Int? {
        guard self.rest.count >= 4 else { return nil }
        let number = self.rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        self.rest = self.rest.dropFirst(4)
        return number
    }

    mutating func string() -> ArraySlice<UInt8>? {
        guard let length = self.number(), length <= self.rest.count else { return nil }
        defer { self.rest = self.rest.dropFirst(length) }
        return self.rest.prefix(length)
    }

    static func number(_ number: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }

    static func string(_ bytes: [UInt8]) -> [UInt8] {
        self.number(bytes.count) + bytes
    }
}
