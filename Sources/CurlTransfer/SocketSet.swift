// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibcurl
internal import Glibc
internal import Synchronization

/// The open sockets of one transfer, so that another thread can end its conversation.
///
/// Closing stays libcurl's; under the lock, so that a number which has become somebody else's socket is never touched.
final class SocketSet: Sendable {
    /// Most bytes that the system may hold back for us.
    ///
    /// What it holds is sent even after we hang up, so the less it is, the more a cancelled mail can be recalled.
    private static let sendBuffer: CInt = 64 << 10

    private struct State {
        var sockets: [curl_socket_t] = []
        var isHungUp = false
    }

    private let state = Mutex(State())

    /// Opens a socket, unless the conversation is over already.
    func add(_ open: () -> curl_socket_t) -> curl_socket_t {
        self.state.withLock { state in
            guard !state.isHungUp else { return CURL_SOCKET_BAD }
            let socket = open()
            guard socket != CURL_SOCKET_BAD else { return socket }
            var bytes = Self.sendBuffer
            unsafe setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, socklen_t(MemoryLayout<CInt>.size))
            state.sockets.append(socket)
            return socket
        }
    }

    func close(_ socket: curl_socket_t) -> CInt {
        self.state.withLock { state in
            state.sockets.removeAll { $0 == socket }
            return Glibc.close(socket)
        }
    }

    /// Lets nothing more pass in either direction; whoever waits for the socket wakes up.
    func hangUp() {
        self.state.withLock { state in
            state.isHungUp = true
            for socket in state.sockets { shutdown(socket, CInt(SHUT_RDWR)) }
        }
    }
}
