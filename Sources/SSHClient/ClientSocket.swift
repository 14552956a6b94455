// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A TCP connection that we make and close; libssh only talks through it.
///
/// libssh can connect by itself, but then it resolves names on our thread, hides `errno`, and leaves the
/// descriptor open in every program we start.
final class ClientSocket {
    enum Start {
        case connected
        case underway
        case failed(errno: CInt)
    }

    let descriptor: CInt
    /// The kernel's number for this socket, which no other socket ever gets.
    private let cookie: UInt64

    /// Returns `errno` on failure.
    init(family: CInt, deadPeerAfter: Duration) throws(SystemFailure) {
        let type = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        self.descriptor = socket(family, type, 0)
        guard self.descriptor >= 0 else {
            let reason = errno
            self.cookie = 0
            throw SystemFailure(errno: reason)
        }
        self.cookie = Self.cookie(of: self.descriptor)
        // Without this each command waits 40 ms for a delayed acknowledgement.
        self.set(CInt(IPPROTO_TCP), TCP_NODELAY, 1)
        self.watchForDeadPeer(deadPeerAfter)
    }

    /// Takes over one end of a pair.
    init(adopting descriptor: CInt) {
        self.descriptor = descriptor
        self.cookie = Self.cookie(of: descriptor)
    }

    deinit {
        // libssh leaves a descriptor that it was given to us, but closes it when a write fails. By now the
        // number may belong to somebody else's file, so make sure that it is still this socket.
        if self.descriptor >= 0, Self.cookie(of: self.descriptor) == self.cookie {
            close(self.descriptor)
        }
    }

    func connect(to address: SocketAddress) -> Start {
        let status = unsafe address.bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return CInt(-1) }
            return unsafe Glibc.connect(
                self.descriptor,
                start.assumingMemoryBound(to: sockaddr.self),
                socklen_t(bytes.count)
            )
        }
        if status == 0 {
            return .connected
        }
        return errno == EINPROGRESS ? .underway : .failed(errno: errno)
    }

    /// Once the socket is writable: zero, or why it did not connect.
    func connectError() -> CInt {
        var error: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        unsafe getsockopt(self.descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
        return error
    }

    /// Acknowledges what arrives at once, until the kernel forgets it again.
    ///
    /// sshd writes small packets with Nagle's algorithm on; each would wait 40 ms for our acknowledgement.
    /// To be called before every read.
    func acknowledgeQuickly() {
        self.set(CInt(IPPROTO_TCP), TCP_QUICKACK, 1)
    }

    /// Takes back the non-blocking mode that libssh removes once it sees the socket connected.
    ///
    /// It writes only after `poll` has said it may, but then as much as it has: a blocking socket would
    /// hold up every host while one of them reads slowly.
    func restoreNonBlocking() {
        let flags = fcntl(self.descriptor, F_GETFL)
        if flags >= 0, flags & O_NONBLOCK == 0 {
            _ = fcntl(self.descriptor, F_SETFL, flags | O_NONBLOCK)
        }
    }

    /// Lets the kernel end the connection when the other machine no longer answers.
    private func watchForDeadPeer(_ limit: Duration) {
        let seconds = CInt(clamping: max(limit.clampedNanoseconds / 1_000_000_000, 3))
        self.set(SOL_SOCKET, SO_KEEPALIVE, 1)
        self.set(CInt(IPPROTO_TCP), TCP_KEEPIDLE, max(seconds / 3, 1))
        self.set(CInt(IPPROTO_TCP), TCP_KEEPINTVL, max(seconds / 6, 1))
        self.set(CInt(IPPROTO_TCP), TCP_KEEPCNT, 4)
        // Counts unacknowledged data too, for which keep-alive alone does nothing.
        self.set(CInt(IPPROTO_TCP), TCP_USER_TIMEOUT, CInt(clamping: Int(seconds) * 1_000))
    }

    private func set(_ level: CInt, _ option: CInt, _ value: CInt) {
        var value = value
        unsafe setsockopt(self.descriptor, level, option, &value, socklen_t(MemoryLayout<CInt>.size))
    }

    private static func cookie(of descriptor: CInt) -> UInt64 {
        var cookie: UInt64 = 0
        var length = socklen_t(MemoryLayout<UInt64>.size)
        let status = unsafe getsockopt(descriptor, SOL_SOCKET, SO_COOKIE, &cookie, &length)
        return status == 0 ? cookie : 0
    }
}

struct SystemFailure: Error {
    let errno: CInt

    var text: String { unsafe String(cString: strerror(self.errno)) }
}
