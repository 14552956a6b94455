// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One TCP connection for a protocol of requests and replies.
///
/// Not copyable, and every call is `mutating`: so two requests cannot be interleaved by mistake, and the socket is closed
/// when the value goes away. After any failure, a cancellation included, the connection is closed, since nobody knows how
/// much of a request or reply went through; later calls fail without sending.
package struct SocketConnection: ~Copyable {
    private let prober: SocketProber
    private let token: SocketToken
    /// The address and port as the caller wrote them.
    package let peer: String

    init(prober: SocketProber, token: SocketToken, peer: String) {
        self.prober = prober
        self.token = token
        self.peer = peer
    }

    deinit {
        self.prober.close(self.token)
    }

    /// Hands the bytes to the kernel; that they arrive is only shown by an answer.
    package mutating func send(_ bytes: [UInt8], timeout: Duration) async throws(SocketFailure) {
        _ = try await self.perform(send: bytes, readLimit: 0, until: .connected, timeout: timeout)
    }

    /// Reads exactly so many bytes.
    ///
    /// A count that came from the peer must be checked by the caller first: it is what bounds the memory used.
    package mutating func receive(_ count: Int, timeout: Duration) async throws(SocketFailure) -> [UInt8] {
        try await self.perform(send: [], readLimit: count, until: .bytes(count), timeout: timeout)
    }

    /// Sends a request and reads exactly so many bytes of its answer, in one turn of the driver.
    package mutating func exchange(
        _ bytes: [UInt8],
        receiving count: Int,
        timeout: Duration
    ) async throws(SocketFailure) -> [UInt8] {
        try await self.perform(send: bytes, readLimit: count, until: .bytes(count), timeout: timeout)
    }

    /// Closes now instead of when the value goes away.
    package consuming func close() {}

    private mutating func perform(
        send: [UInt8],
        readLimit: Int,
        until: SocketExchange.End,
        timeout: Duration
    ) async throws(SocketFailure) -> [UInt8] {
        let request = SocketExchange(
            address: "",
            port: 0,
            send: send,
            readLimit: readLimit,
            until: until,
            timeout: timeout
        )
        let reply = await self.prober.perform(request, at: self.token, keepsSocket: true).reply
        guard reply.outcome == .completed else { throw SocketFailure(outcome: reply.outcome, peer: self.peer) }
        return reply.bytes
    }
}
