// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Noticing that the other end is dead though its machine still acknowledges what we send: a frozen sshd, a firewall that answers.
extension Session {
    /// Asks a server that has been silent for a while, and gives it up when it stays silent.
    ///
    /// - Returns: whether it is given up.
    func checkLife(_ connection: Connection, now: BootTime) -> Bool {
        let packets = connection.packetsTaken
        if packets != self.packetsHeard || self.heardAt == nil {
            self.packetsHeard = packets
            self.heardAt = now
            self.askedAt = nil
        }
        guard let heardAt = self.heardAt else { return false }
        let limit = self.driver.configuration.deadPeerAfter
        guard heardAt + limit > now else { return true }
        if heardAt + limit / 3 <= now, self.askedAt.map({ $0 + limit / 3 <= now }) ?? true {
            self.askedAt = now
            connection.askForLife()
        }
        return false
    }

    /// When to look again.
    var lifeDeadline: BootTime? {
        let limit = self.driver.configuration.deadPeerAfter
        guard let heardAt = self.heardAt else { return nil }
        guard let askedAt = self.askedAt else { return heardAt + limit / 3 }
        return min(heardAt + limit, askedAt + limit / 3)
    }
}
