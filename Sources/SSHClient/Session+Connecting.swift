// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// From an address to an open connection.
extension Session {
    func begin() {
        self.tryNextAddress()
        self.driver.settleLater(self)
    }

    func tryNextAddress() {
        while self.nextAddress < self.prepared.addresses.count {
            let address = self.prepared.addresses[self.nextAddress]
            self.nextAddress += 1
            self.unwatch()
            do {
                let socket = try ClientSocket(
                    family: address.family,
                    deadPeerAfter: self.driver.configuration.deadPeerAfter
                )
                self.socket = socket
                switch socket.connect(to: address) {
                case .connected:
                    self.startHandshake(over: socket)
                    return
                case .underway:
                    // Each address gets a fair share of what time is left.
                    let left = self.connectDeadline - BootTime.now()
                    let shares = self.prepared.addresses.count - self.nextAddress + 1
                    self.addressDeadline = BootTime.now() + left / shares
                    self.watch(socket.descriptor, for: .write)
                    return
                case .failed(let errno):
                    self.lastConnectFailure = SystemFailure(errno: errno)
                }
            } catch {
                self.lastConnectFailure = error
            }
        }
        self.end(self.notConnected(self.lastConnectFailure))
    }

    func finishConnect() {
        guard let socket = self.socket else { return }
        let errno = socket.connectError()
        guard errno == 0 else {
            self.lastConnectFailure = SystemFailure(errno: errno)
            self.tryNextAddress()
            return
        }
        self.startHandshake(over: socket)
    }

    private func startHandshake(over socket: ClientSocket) {
        let address = self.prepared.addresses[self.nextAddress - 1]
        self.addressDeadline = nil
        guard let connection = Connection.make(over: socket, to: self.host, at: address) else {
            self.end(Failure("libssh would not begin a session with \(self.host.label)", .handshakeFailed))
            return
        }
        self.connection = connection
        self.state = .handshaking
        self.shakeHands(connection)
    }

    func shakeHands(_ connection: Connection) {
        switch connection.shakeHands() {
        case .again:
            return
        case .failed:
            self.end(self.handshakeFailed(connection.lastError))
        case .done:
            if let refusal = HostKeyCheck.refusal(of: connection, for: self.host) {
                self.end(Failure(error: refusal, isWorthRepeating: false))
                return
            }
            self.state = .authenticating
            self.authenticate(connection)
        }
    }

    func authenticate(_ connection: Connection) {
        switch connection.authenticate(with: self.prepared.key) {
        case .again:
            return
        case .failed:
            let reason = connection.lastError
            self.end(connection.isAlive ? self.notAuthenticated(reason) : self.handshakeFailed(reason))
        case .done:
            self.state = .open
            self.driver.mailbox.count { $0.sessionsOpened += 1 }
            self.pool.sessionOpened(self)
        }
    }
}
