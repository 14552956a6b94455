// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Noticing that the other end is dead though its machine still acknowledges what we send: a frozen sshd, a firewall that answers.
extension Session {
    /// Asks a server that has been silent for a while, and gives it up when it does not answer.
    ///
    /// The time that counts is the one since the question: silence alone proves nothing, least of all when it was we who slept.
    ///
    /// - Returns: whether it is given up.
    func checkLife(_ connection: Connection, now: BootTime) -> Bool {
        if self.hasNews(connection, now: now) {
            return false
        }
        guard let deadline = self.lifeDeadline, deadline <= now else { return false }
        guard self.askedAt != nil else {
            self.askedAt = now
            connection.askForLife()
            return false
        }
        // Its answer may lie in the socket: it was we who slept.
        connection.exchange()
        return !self.hasNews(connection, now: now)
    }

    private func hasNews(_ connection: Connection, now: BootTime) -> Bool {
        let packets = connection.packetsTaken
        guard packets != self.packetsHeard || self.heardAt == nil else { return false }
        self.packetsHeard = packets
        self.heardAt = now
        self.askedAt = nil
        return true
    }

    /// When to ask, or to stop waiting for the answer.
    var lifeDeadline: BootTime? {
        let third = self.driver.configuration.deadPeerAfter / 3
        return self.askedAt.map { $0 + third * 2 } ?? self.heardAt.map { $0 + third }
    }
}
