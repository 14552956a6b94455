// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Commands on their channels, once the connection is open.
extension Session {
    /// Takes a command; there must be a free place.
    func start(_ command: Command) {
        command.session = self
        guard let connection = self.connection, connection.isAlive, let channel = connection.makeChannel() else {
            self.lose(command)
            self.end(nil)
            return
        }
        channel.command = command
        self.idleSince = nil
        self.channels.append(channel)
        self.advance(channel)
        self.driver.settleLater(self)
    }

    /// Moves every channel on until nothing more comes in.
    func advanceAll(_ connection: Connection) {
        for _ in 0..<Self.roundsPerTurn {
            let taken = connection.packetsTaken
            for channel in self.channels {
                self.advance(channel)
            }
            if connection.wantsToWrite, connection.isAlive {
                connection.exchange()
            }
            guard connection.packetsTaken != taken, connection.isAlive else { return }
        }
        // There may be more, and nothing else will remind us: libssh has taken it off the socket.
        self.driver.revisit(self)
    }

    /// How often one turn looks at every channel again before other hosts get theirs.
    private static let roundsPerTurn = 16

    private func advance(_ channel: Channel) {
        if let tunnel = channel.tunnel {
            self.attend(channel, tunnel)
        }
        if channel.state == .opening, channel.tunnel == nil {
            self.open(channel)
        }
        if channel.state == .requesting, channel.tunnel == nil {
            self.request(channel)
        }
        if channel.state == .running, channel.tunnel == nil {
            self.attend(channel)
        }
        if channel.state == .closing {
            self.close(channel)
        }
    }

    private func open(_ channel: Channel) {
        switch channel.open() {
        case .again:
            return
        case .failed:
            // A dead connection is dealt with for all its channels at once.
            guard self.connection?.isAlive == true else { return }
            self.refused(channel)
        case .done:
            self.hasOpenedChannel = true
            channel.state = channel.command == nil ? .closing : .requesting
        }
    }

    private func request(_ channel: Channel) {
        guard let command = channel.command else {
            channel.state = .closing
            return
        }
        if !command.mayHaveStarted {
            guard self.connection?.isAlive == true else { return }
            // Before the call, because nobody can take the bytes back.
            command.mayHaveStarted = true
            self.driver.mailbox.count { $0.commandsSent += 1 }
        }
        switch channel.request(command.request.text) {
        case .again:
            // A server that closes the channel without an answer has done who knows what.
            if channel.isClosedByPeer {
                channel.state = .running
            }
        case .failed:
            guard self.connection?.isAlive == true else { return }
            if self.connection?.lastErrorIsRefusal == true {
                // The one case in which a command that was sent is known not to have started.
                command.mayHaveStarted = false
            }
            command.fail(
                SSHError(
                    .channelRefused,
                    "\(self.host.label) does not run commands for user '\(self.host.user)'; check its sshd configuration"
                )
            )
            channel.command = nil
            channel.state = .closing
        case .done:
            channel.state = .running
        }
    }

    private func attend(_ channel: Channel) {
        guard let command = channel.command else {
            channel.state = .closing
            return
        }
        if !channel.isClosedByPeer, !channel.hasEnding {
            command.sendInput(over: channel)
        }
        command.showOutput()
        if channel.isClosedByPeer {
            self.ended(channel, command)
        } else if channel.hasEnding {
            command.awaitRestOfOutput(now: BootTime.now())
        }
    }

    /// The server has closed the channel: the command has ended, and how should be known.
    private func ended(_ channel: Channel, _ command: Command) {
        if channel.hasEnding {
            command.succeed(with: channel, outputIsComplete: true)
        } else {
            command.fail(
                SSHError(
                    .connectionLost,
                    "\(self.host.label) closed the command's channel without saying how the command ended"
                )
            )
        }
        channel.command = nil
        channel.state = .closing
    }

    /// The server has no channel to give.
    private func refused(_ channel: Channel) {
        self.forget(channel)
        self.driver.mailbox.count { $0.channelsRefused += 1 }
        guard let command = channel.command else { return }
        channel.command = nil
        command.timesRefused += 1
        // It told us how many it allows; if it never allowed one, there is nothing to wait for here.
        self.capacity = max(self.channels.count { $0.tunnel == nil }, self.hasOpenedChannel ? 1 : 0)
        self.isRetired = self.isRetired || self.capacity == 0
        self.pool.learn(channelsPerSession: self.capacity)
        guard command.timesRefused < HostPool.refusalLimit, self.hasOpenedChannel || command.timesRefused == 1 else {
            command.fail(
                SSHError(
                    .channelRefused,
                    "\(self.host.label) opens no channel for commands; check MaxSessions in its sshd configuration"
                )
            )
            return
        }
        self.pool.putBack(command)
    }

    private func close(_ channel: Channel) {
        let isSaid = channel.close()
        if isSaid, channel.isClosedByPeer {
            self.forget(channel)
        } else if channel.closingSince == nil {
            channel.closingSince = BootTime.now()
        }
    }

    func forget(_ channel: Channel) {
        self.connection?.free(channel)
        self.channels.removeAll { $0 === channel }
    }

    /// The caller no longer wants the command, or its time is up: the channel closes behind it.
    func release(_ command: Command) {
        guard let channel = self.channels.first(where: { $0.command === command }) else { return }
        channel.command = nil
        if channel.state != .opening {
            channel.state = .closing
        }
        channel.closingSince = BootTime.now()
        self.driver.settleLater(self)
    }

    func timeIsUp(for command: Command, now: BootTime) {
        guard let channel = self.channels.first(where: { $0.command === command }) else { return }
        if channel.hasEnding {
            command.succeed(with: channel, outputIsComplete: false)
        } else {
            command.failByTime(in: command.mayHaveStarted ? .command : .open)
            // A server that opens no channel in all that time would let down the next command as well.
            self.isRetired = self.isRetired || channel.state == .opening
        }
        self.release(command)
    }

    /// A command whose connection died under it: sent ones are in doubt, the others get one more try.
    func lose(_ command: Command) {
        command.session = nil
        if !command.mayHaveStarted, !command.wasMoved {
            command.wasMoved = true
            self.driver.mailbox.count { $0.commandsMoved += 1 }
            self.pool.putBack(command)
        } else {
            let doubt = command.mayHaveStarted ? "the command may have run or still be running" : "nothing was sent"
            let how =
                self.isSilent
                ? "\(self.host.label) was silent for \(self.driver.configuration.deadPeerAfter.inSeconds) and is given up"
                : "the connection to \(self.host.label) was lost"
            command.fail(SSHError(.connectionLost, "\(how); \(doubt)"))
        }
    }
}
