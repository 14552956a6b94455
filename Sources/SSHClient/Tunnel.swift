// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The way to a host through a channel of its jump host's connection.
///
/// libssh talks to the inner host over a socket; here that is one end of a pair, and the driver's thread carries bytes between
/// the other end and the channel. Nobody waits: what one side does not take yet stays here, and then the other is not read.
@safe final class Tunnel {
    /// How much may wait for the inner connection, which reads as fast as we do.
    private static let inboundLimit = 8 << 20
    private static let pieceLimit = 32_768

    let id: UInt64
    let address: String
    let port: UInt16
    /// Of the jump host.
    let pool: HostPool
    private unowned let driver: Driver
    /// Whose way this is; `nil` once it has no more use for it.
    private weak var inner: Session?
    /// The jump host's connection, once there is one.
    weak var outer: Session?
    private var descriptor: OwnedDescriptor?
    private var interest: Poller.Interest?
    private var inbound: [UInt8] = []
    private var outbound: [UInt8] = []
    private(set) var isOpen = false

    init(for inner: Session, through pool: HostPool, driver: Driver) {
        self.id = driver.newID()
        self.inner = inner
        self.address = inner.host.address
        self.port = inner.host.port
        self.pool = pool
        self.driver = driver
    }

    var isWanted: Bool { self.inner != nil }

    /// The channel is open: makes the pair, and gives the inner connection its end.
    func opened() {
        var ends: [CInt] = [-1, -1]
        let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        guard let inner = self.inner else { return }
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else {
            self.fail(SSHError(.overloaded, "Selfheal has no file descriptors left; raise its limit (ulimit -n)"))
            return
        }
        self.isOpen = true
        self.descriptor = OwnedDescriptor(number: ends[0])
        self.driver.register(self)
        self.watch()
        inner.wayIsOpen(ClientSocket(adopting: ends[1]))
    }

    /// Bytes from the inner host, while libssh takes in packets.
    func receive(_ bytes: UnsafeRawBufferPointer) {
        unsafe self.inbound.append(contentsOf: bytes)
    }

    /// Carries what can be carried; `channel` is ours and open.
    func pump(_ channel: Channel) {
        guard let descriptor = self.descriptor?.number else { return }
        self.sendIn(descriptor)
        self.sendOut(descriptor, channel)
        let isOver = channel.isClosedByPeer || channel.hasAllOutput
        if isOver && self.inbound.isEmpty || self.inbound.count > Self.inboundLimit {
            self.hangUp()
        } else {
            self.watch()
        }
    }

    private func sendIn(_ descriptor: CInt) {
        guard !self.inbound.isEmpty else { return }
        let count = unsafe self.inbound.withUnsafeBytes { bytes in
            unsafe send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
        }
        if count > 0 {
            self.inbound.removeFirst(count)
        }
    }

    private func sendOut(_ descriptor: CInt, _ channel: Channel) {
        for _ in 0..<8 {
            if self.outbound.isEmpty {
                var piece = [UInt8](repeating: 0, count: Self.pieceLimit)
                let count = unsafe piece.withUnsafeMutableBytes { bytes in
                    unsafe recv(descriptor, bytes.baseAddress, bytes.count, 0)
                }
                guard count > 0 else { return }
                self.outbound = Array(piece.prefix(count))
            }
            guard let count = channel.write(self.outbound[...]), count > 0 else { return }
            self.outbound.removeFirst(count)
        }
    }

    /// The inner connection has ended, or no longer wants this way.
    func close() {
        self.inner = nil
        self.hangUp()
        self.pool.withdraw(self)
        self.outer?.release(self)
        self.outer = nil
    }

    /// The channel is gone, and with it the inner connection.
    func lost(_ reason: String) {
        if self.isOpen {
            self.outer = nil
            self.hangUp()
        } else {
            self.fail(SSHError(.connectionLost, reason))
        }
    }

    /// There is no way, because of `error` at the jump host.
    func fail(_ error: SSHError) {
        self.outer = nil
        guard let inner = self.inner else { return }
        self.inner = nil
        inner.wayFailed(error, through: self.pool.host)
    }

    /// Lets the inner connection see the end of its socket.
    private func hangUp() {
        guard let descriptor = self.descriptor?.number else { return }
        if self.interest != nil {
            self.driver.poller.forget(descriptor)
            self.interest = nil
        }
        self.driver.forget(self)
        self.descriptor = nil
    }

    /// The pair is ready.
    func isReady() {
        guard let outer = self.outer else {
            self.hangUp()
            return
        }
        self.driver.settleLater(outer)
    }

    private func watch() {
        guard let descriptor = self.descriptor?.number else { return }
        var wanted: Poller.Interest = self.outbound.isEmpty ? .read : []
        if !self.inbound.isEmpty {
            wanted.formUnion(.write)
        }
        guard wanted != self.interest else { return }
        if self.interest == nil {
            self.driver.poller.watch(descriptor, for: wanted, tag: self.id)
        } else {
            self.driver.poller.change(descriptor, to: wanted, tag: self.id)
        }
        self.interest = wanted
    }
}
