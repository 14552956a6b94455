// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// From an address to an open connection.
extension Session {
    func begin() {
        if let outer = self.host.outer {
            self.askForWay(through: outer)
        } else {
            self.tryNextAddress()
        }
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

    func startHandshake(over socket: ClientSocket) {
        // Behind a jump host the name goes no further than into libssh's messages.
        let isDirect = self.nextAddress > 0
        let address = isDirect ? self.prepared.addresses[self.nextAddress - 1].text : self.host.address
        self.addressDeadline = nil
        guard let connection = Connection.make(over: socket, to: self.host, at: address, self.prepared.pins) else {
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
            if let refusal = HostKeyCheck.refusal(of: connection, for: self.host, self.prepared.pins) {
                self.end(Failure(error: refusal, isWorthRepeating: false))
                return
            }
            self.state = .authenticating
            self.authenticate(connection)
        }
    }

    func authenticate(_ connection: Connection) {
        let step: Connection.Step
        switch self.prepared.proof {
        case .key(let key):
            step = connection.authenticate(with: key)
        case .agent(let agent, let key):
            guard let next = self.authenticate(connection, agent, key) else { return }
            step = next
        }
        switch step {
        case .again:
            return
        case .failed:
            let reason = connection.lastError
            self.end(connection.isAlive ? self.notAuthenticated(reason) : self.handshakeFailed(reason))
        case .done:
            self.state = .open
            self.heardAt = nil
            self.driver.mailbox.count { $0.sessionsOpened += 1 }
            self.pool.sessionOpened(self)
        }
    }

    /// Nothing while the agent is being asked.
    private func authenticate(
        _ connection: Connection,
        _ agent: SSHAgent,
        _ key: SSHPublicKey
    ) -> Connection.Step? {
        let answer: [UInt8]?
        switch self.agentTurn {
        case .asked:
            return nil
        case .answered(let bytes):
            answer = bytes
            self.agentTurn = .done
        case .notAsked, .done:
            answer = nil
        }
        switch connection.authenticate(withAgentsKey: key, answer: answer) {
        case .again: return .again
        case .done: return .done
        case .failed: return .failed
        case .sign(let request):
            self.agentTurn = .asked
            self.driver.sign(request, with: agent, for: self)
            return nil
        }
    }

    func agentAnswered(_ answer: Result<[UInt8], SSHAgent.Failure>) {
        guard self.state == .authenticating, let connection = self.connection else { return }
        switch answer {
        case .success(let bytes) where bytes.first == SSHAgent.Message.signature:
            self.agentTurn = .answered(bytes)
            self.authenticate(connection)
            self.driver.settleLater(self)
        case .success:
            self.end(Failure("the ssh-agent did not sign for \(self.host.label)", .agentUnavailable))
        case .failure(let failure):
            self.end(
                Failure("the ssh-agent did not sign for \(self.host.label): \(failure.message)", .agentUnavailable)
            )
        }
    }
}
