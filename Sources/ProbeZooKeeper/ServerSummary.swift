// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The answer to `srvr`.
package struct ServerSummary: Hashable, Sendable {
    /// As the server spells it; Debian's build says `3.8.0-${mvngit.commit.id}, built on …`.
    package var version: String
    package var mode: ServerMode
    /// Just after an election this may still be zero on a follower.
    package var zxid: Zxid
    package var nodeCount: Int?
    package var connections: Int?
    package var outstanding: Int?
    /// Since the statistics were last reset, in milliseconds.
    package var averageLatencyMilliseconds: Double?

    package init(parsing text: String) throws(UnreadableAnswer) {
        var version: String?
        var mode: ServerMode?
        var zxid: Zxid?
        for line in text.split(whereSeparator: \.isNewline) {
            guard let (key, value) = line.splitOnce(at: ":") else { continue }
            let word = value.trimmingBlanks
            switch key {
            case "Zookeeper version": version = String(word)
            case "Mode": mode = ServerMode(word)
            case "Zxid": zxid = Zxid(hexadecimal: word)
            case "Node count": self.nodeCount = Int(word)
            case "Connections": self.connections = Int(word)
            case "Outstanding": self.outstanding = Int(word)
            case "Latency min/avg/max":
                // Whole numbers before 3.6.
                let parts = word.split(separator: "/")
                self.averageLatencyMilliseconds = parts.count == 3 ? Double(parts[1]) : nil
            default: break
            }
        }
        guard let version, let mode, let zxid else {
            throw UnreadableAnswer("the answer to srvr lacks its version, Mode or Zxid line")
        }
        self.version = version
        self.mode = mode
        self.zxid = zxid
    }
}
