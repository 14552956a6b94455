// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A stream socket on this machine: the calls of the operating system, and nothing decided.
///
/// Descriptors are not inherited by the programs we start, and a peer that hangs up is an error, not a signal.
enum UnixSocket {
    /// Connections that wait for `accept`.
    private static let backlog: Int32 = 128

    static func make() throws(ControlError) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else {
            throw .system("cannot create a socket", errno)
        }
        return descriptor
    }

    /// Listens at a path that only its owner may connect to.
    static func listen(_ descriptor: Int32, at path: String) throws(ControlError) {
        // On Linux the file takes over the socket's own mode, so there is no moment at which others could connect.
        guard fchmod(descriptor, 0o600) == 0 else {
            throw .system("cannot protect the control socket \(path)", errno)
        }
        let result = unsafe try self.withAddress(path) { address, length in
            unsafe bind(descriptor, address, length) == 0 ? 0 : errno
        }
        guard result == 0 else {
            throw .system("cannot create the control socket \(path)", result)
        }
        guard Glibc.listen(descriptor, Self.backlog) == 0 else {
            throw .system("cannot listen at \(path)", errno)
        }
    }

    /// Connects, or returns the error's number.
    static func connect(_ descriptor: Int32, to path: String) throws(ControlError) -> Int32 {
        unsafe try self.withAddress(path) { address, length in
            unsafe Glibc.connect(descriptor, address, length) == 0 ? 0 : errno
        }
    }

    /// The next waiting connection; `nil` if there is none.
    static func accept(_ descriptor: Int32) throws(ControlError) -> Int32? {
        while true {
            let accepted = Glibc.accept(descriptor, nil, nil)
            if accepted >= 0 {
                _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
                _ = fcntl(accepted, F_SETFL, O_NONBLOCK)
                return accepted
            }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EAGAIN: return nil
            default: throw .system("cannot accept a connection", errno)
            }
        }
    }

    enum Transfer {
        case moved(Int)
        case wouldBlock
        /// The peer is gone; reading, it may also have closed in good order.
        case ended
    }

    static func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Transfer {
        self.transfer {
            unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
        }
    }

    /// Bytes that one call reads at most.
    static let pieceBytes = 64 << 10

    /// Reads into the start of `piece`.
    static func receive(into piece: inout [UInt8], from descriptor: Int32) -> Transfer {
        let result = self.transfer {
            unsafe piece.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
        }
        if case .moved(0) = result {
            return .ended
        }
        return result
    }

    private static func transfer(_ call: () -> Int) -> Transfer {
        while true {
            let count = call()
            if count >= 0 {
                return .moved(count)
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .ended
            }
        }
    }

    /// Waits until the socket can be read or written; `false` when the time is up.
    ///
    /// Blocks its thread. A hang-up counts as ready: the next transfer tells.
    static func wait(for descriptor: Int32, toWrite: Bool, until deadline: ContinuousClock.Instant?) -> Bool {
        while true {
            var request = pollfd(fd: descriptor, events: Int16(toWrite ? POLLOUT : POLLIN), revents: 0)
            let ready = unsafe poll(&request, 1, self.milliseconds(until: deadline))
            if ready != 0 && !(ready < 0 && errno == EINTR) {
                return true
            }
            if let deadline, ContinuousClock.now >= deadline {
                return false
            }
        }
    }

    private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else {
            return -1
        }
        // One more than the rounded-down rest, so that the last millisecond is not spent spinning.
        let rest = (deadline - .now) / Duration.milliseconds(1) + 1
        return Int32(min(max(rest, 0), Double(Int32.max)))
    }

    /// Lends the address of a path.
    ///
    /// An address holds 107 bytes. A longer path is named through a descriptor of its folder instead.
    private static func withAddress(
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(ControlError) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path) - 1
        guard path.utf8.count > room else {
            return unsafe self.call(&address, path, body)
        }
        guard let slash = path.lastIndex(of: "/") else {
            throw ControlError(.system, "the control socket's name \(path) is too long; \(room) bytes is the limit")
        }
        let folder = unsafe open(String(path[..<slash]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else {
            return errno
        }
        defer { close(folder) }
        let short = "/proc/self/fd/\(folder)\(path[slash...])"
        guard short.utf8.count <= room else {
            throw ControlError(.system, "the control socket's name \(path) is too long; \(room) bytes is the limit")
        }
        return unsafe self.call(&address, short, body)
    }

    private static func call(
        _ address: inout sockaddr_un,
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

extension ControlError {
    static func system(_ what: String, _ number: Int32) -> Self {
        unsafe Self(.system, "\(what): \(String(cString: strerror(number)))")
    }
}
