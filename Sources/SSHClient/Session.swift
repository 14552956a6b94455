// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One connection to a host, from the first packet to the last.
///
/// ```
///   connecting ──▶ handshaking ──▶ authenticating ──▶ open ──▶ ended
///       └───────────────┴────────────────┴───────────────────────▲
/// ```
///
/// Lives on the driver's thread and does what can be done without blocking each time its socket is ready.
/// The host key is judged between handshake and authentication, so an unknown host learns neither who we
/// are nor what we want.
final class Session: Sleeper {
    enum State {
        case connecting
        case handshaking
        case authenticating
        case open
        case ended
    }

    /// How far the question for the agent's signature has come.
    enum AgentTurn {
        case notAsked
        case asked
        case answered([UInt8])
        case done
    }

    let id: DeadlineQueue.SleeperID
    unowned let pool: HostPool
    unowned let driver: Driver
    let prepared: PreparedHost
    let startedAt: BootTime
    var state = State.connecting
    var socket: ClientSocket?
    var connection: Connection?
    /// The way through a jump host, instead of addresses.
    var tunnel: Tunnel?
    var nextAddress = 0
    var addressDeadline: BootTime?
    var lastConnectFailure: SystemFailure?
    private var watched: (descriptor: CInt, interest: Poller.Interest)?
    var channels: [Channel] = []
    /// How many channels the server has shown to allow.
    var capacity: Int
    var hasOpenedChannel = false
    var isRetired = false
    var idleSince: BootTime?
    /// When a packet last came, and how many had come by then.
    var heardAt: BootTime?
    var packetsHeard: UInt64 = 0
    /// When we last asked for an answer.
    var askedAt: BootTime?
    var isSilent = false
    var agentTurn = AgentTurn.notAsked
    /// Kept for the driver.
    var isToBeSettled = false

    init(_ prepared: PreparedHost, pool: HostPool, driver: Driver) {
        self.id = driver.newID()
        self.prepared = prepared
        self.pool = pool
        self.driver = driver
        self.startedAt = BootTime.now()
        self.capacity = pool.channelsPerSession
        driver.register(self)
    }

    var host: SSHHost { self.pool.host }

    var isConnecting: Bool { self.phase != nil }

    /// How far a connection that is not open yet has come.
    var phase: SSHError.Phase? {
        switch self.state {
        case .connecting: .connect
        case .handshaking: .handshake
        case .authenticating: .authenticate
        case .open, .ended: nil
        }
    }

    var freePlaces: Int {
        guard self.state == .open, !self.isRetired else { return 0 }
        return max(self.capacity - self.channels.count { $0.tunnel == nil }, 0)
    }

    /// sshd limits sessions on a connection, and ways through it not at all.
    var freeWays: Int {
        guard self.state == .open, !self.isRetired else { return 0 }
        return max(Self.wayLimit - self.channels.count { $0.tunnel != nil }, 0)
    }

    private static let wayLimit = 128

    // MARK: Turns

    /// The socket is ready.
    func isReady() {
        switch self.state {
        case .connecting:
            self.finishConnect()
        case .handshaking:
            self.connection.map { self.shakeHands($0) }
        case .authenticating:
            self.connection.map { self.authenticate($0) }
        case .open:
            self.connection?.exchange()
        case .ended:
            return
        }
        self.driver.settleLater(self)
    }

    /// Does what remains after anything has happened: moves channels on, notices death, retires, idles, and
    /// watches the socket.
    func settle() {
        if self.state == .open {
            self.settleOpen()
        }
        if self.state != .ended {
            if let connection = self.connection {
                self.watch(connection.descriptor, for: connection.wantsToWrite ? [.read, .write] : .read)
            }
            self.driver.schedule(self.id)
        }
    }

    private func settleOpen() {
        guard let connection = self.connection else { return }
        self.advanceAll(connection)
        guard connection.isAlive else {
            self.end(nil)
            return
        }
        let now = BootTime.now()
        guard !self.checkLife(connection, now: now) else {
            self.isSilent = true
            self.end(nil)
            return
        }
        let grace = self.driver.configuration.closeGrace
        if self.channels.contains(where: { $0.closingSince.map { $0 + grace <= now } ?? false }) {
            self.isRetired = true
        }
        if self.isRetired, !self.channels.contains(where: \.isInUse) {
            self.end(nil)
            return
        }
        guard self.pool.hasWaiting || !self.channels.isEmpty else {
            let since = self.idleSince ?? now
            self.idleSince = since
            if since + self.driver.configuration.idleTimeout <= now {
                self.end(nil)
            }
            return
        }
        if self.freePlaces > 0 || self.freeWays > 0 {
            self.driver.assignLater(self.pool)
        }
    }

    /// `failure` says why a connection never was of use; one that was needs no excuse.
    func end(_ failure: Failure?) {
        guard self.state != .ended else { return }
        let wasOpen = self.state == .open
        self.state = .ended
        self.unwatch()
        self.driver.mailbox.count { counters in
            if wasOpen {
                counters.sessionsClosed += 1
            } else {
                counters.connectsFailed += 1
            }
        }
        let abandoned = self.channels
        self.channels = []
        for channel in abandoned {
            if let tunnel = channel.tunnel {
                channel.tunnel = nil
                tunnel.lost("the connection to \(self.host.label) was lost")
            }
            if let command = channel.command {
                channel.command = nil
                if channel.hasEnding {
                    command.succeed(with: channel, outputIsComplete: channel.hasAllOutput)
                } else {
                    self.lose(command)
                }
            }
            self.connection?.free(channel)
        }
        self.connection?.disconnect()
        self.connection = nil
        self.socket = nil
        self.tunnel?.close()
        self.tunnel = nil
        self.driver.forget(self)
        self.pool.sessionEnded(self, failure)
    }

    func shutDown(_ error: SSHError) {
        for channel in self.channels {
            channel.command?.fail(error)
            channel.command = nil
        }
        self.end(nil)
    }

    // MARK: Time and readiness

    /// Each jump host on the way has the same time again.
    var connectDeadline: BootTime { self.startedAt + self.host.connectTimeout * (1 + self.host.jumps.count) }

    var wakeAt: BootTime? {
        switch self.state {
        case .connecting: self.addressDeadline ?? self.connectDeadline
        case .handshaking, .authenticating: self.connectDeadline
        case .open: [self.retireDeadline ?? self.idleDeadline, self.lifeDeadline].compactMap(\.self).min()
        case .ended: nil
        }
    }

    private var retireDeadline: BootTime? {
        guard !self.isRetired else { return nil }
        return self.channels.compactMap(\.closingSince).min().map { $0 + self.driver.configuration.closeGrace }
    }

    private var idleDeadline: BootTime? {
        guard self.channels.isEmpty else { return nil }
        return self.idleSince.map { $0 + self.driver.configuration.idleTimeout }
    }

    func wake(now: BootTime) {
        self.driver.settleLater(self)
        guard let phase = self.phase else { return }
        if phase == .connect, now < self.connectDeadline, self.tunnel == nil {
            self.tryNextAddress()
        } else {
            self.end(self.timedOut(in: phase))
        }
    }

    func watch(_ descriptor: CInt, for interest: Poller.Interest) {
        if let watched = self.watched, watched.descriptor == descriptor {
            guard watched.interest != interest else { return }
            self.driver.poller.change(descriptor, to: interest, tag: self.id)
        } else {
            self.driver.poller.watch(descriptor, for: interest, tag: self.id)
        }
        self.watched = (descriptor, interest)
    }

    func unwatch() {
        if let watched = self.watched {
            self.driver.poller.forget(watched.descriptor)
            self.watched = nil
        }
    }
}
