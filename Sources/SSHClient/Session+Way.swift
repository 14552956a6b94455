// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Reaching a host through its jump host, and being one.
extension Session {
    /// Asks the jump host's pool for a way; the answer is ``wayIsOpen(_:)`` or ``wayFailed(_:through:)``.
    func askForWay(through outer: SSHHost) {
        let tunnel = Tunnel(for: self, through: self.driver.pool(for: outer), driver: self.driver)
        self.tunnel = tunnel
        tunnel.pool.add(tunnel)
    }

    func wayIsOpen(_ socket: ClientSocket) {
        self.socket = socket
        self.startHandshake(over: socket)
        self.driver.settleLater(self)
    }

    func wayFailed(_ error: SSHError, through outer: SSHHost) {
        self.tunnel = nil
        self.end(
            Failure(
                "\(self.host.label) is reached through \(outer.label), and that failed: \(error.message)",
                error.code
            )
        )
    }

    /// Takes a tunnel for another host; there must be a free place.
    func start(_ tunnel: Tunnel) {
        guard let connection = self.connection, connection.isAlive, let channel = connection.makeChannel() else {
            self.end(nil)
            tunnel.lost("the connection to \(self.host.label) was lost")
            return
        }
        tunnel.outer = self
        channel.tunnel = tunnel
        self.idleSince = nil
        self.channels.append(channel)
        self.driver.settleLater(self)
    }

    /// Moves a tunnel's channel on.
    func attend(_ channel: Channel, _ tunnel: Tunnel) {
        switch channel.state {
        case .opening:
            switch channel.open(to: tunnel.address, port: tunnel.port) {
            case .again:
                return
            case .failed:
                guard let connection = self.connection, connection.isAlive else { return }
                let reason = connection.lastError
                self.forget(channel)
                channel.tunnel = nil
                tunnel.fail(
                    SSHError(
                        .unreachable,
                        """
                        it does not open the way (\(reason)); check that the host answers there, and \
                        AllowTcpForwarding and PermitOpen in the jump host's sshd configuration
                        """
                    )
                )
            case .done:
                channel.state = .running
                tunnel.opened()
            }
        case .requesting, .running:
            tunnel.pump(channel)
            if channel.isClosedByPeer {
                channel.tunnel = nil
                channel.state = .closing
                tunnel.lost("\(self.host.label) closed the way to \(tunnel.address)")
            }
        case .closing:
            return
        }
    }

    /// The inner host no longer needs its way.
    func release(_ tunnel: Tunnel) {
        guard let channel = self.channels.first(where: { $0.tunnel === tunnel }) else { return }
        channel.tunnel = nil
        if channel.state != .opening {
            channel.state = .closing
        }
        channel.closingSince = BootTime.now()
        self.driver.settleLater(self)
    }
}
