// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Probes

/// What is known about one member after asking it, in one value.
///
/// `nil` means unknown everywhere. A time-out, a word that is not permitted and an AdminServer that is switched off never
/// turn into `false`; a refused connection to the client port does.
package struct ZooKeeperReport: Hashable, Sendable {
    package enum Data: String, Hashable, Sendable {
        case intact
        case lost
        case damaged
        /// Not asked, or asked without success.
        case unknown
    }

    /// Whether the member said anything; `false` only if its client port refused every connection.
    package var answered: Bool?
    /// Whether it takes reads and writes, by its own word.
    package var serving: Bool?
    package var mode: ServerMode?
    /// From the running server if it told, else from the disk.
    package var zxid: Zxid?
    /// Whether there may be transactions after ``zxid``, as when the end of a log could not be read.
    package var isZxidLowerBound = false
    /// The epoch a vote of this member would carry, as far as known: from the disk, else of its last transaction.
    package var epoch: Int64?
    package var data = Data.unknown
    package var clusterID: String?
    /// On the leader only.
    package var syncedFollowers: Int?
    /// The configured voters.
    package var quorumSize: Int?
    package var version: String?
    package var nodeCount: Int?
    /// The server's own average, in milliseconds.
    package var averageLatencyMilliseconds: Double?
    /// What kept a question from being answered, and contradictions; empty when all is well.
    package var problems: [String] = []

    /// The problems in one sentence, or `nil`.
    package var problem: String? {
        self.problems.isEmpty ? nil : self.problems.joined(separator: "; ")
    }

    /// Merges the answers; the order of the questions does not matter.
    package init(merging answers: ZooKeeperAnswers) {
        var clientPort: [Evidence] = []
        if let srvr = answers.srvr { clientPort.append(self.take(srvr, of: .srvr)) }
        if let mntr = answers.mntr { clientPort.append(self.take(mntr, of: .mntr)) }
        if let clusterID = answers.clusterID { clientPort.append(self.take(clusterID)) }
        let admin = answers.zabState.map { self.take($0) } ?? Evidence()
        if let disk = answers.disk { self.take(disk) }
        self.conclude(clientPort: clientPort, admin: admin)
    }
}

// MARK: What each answer is evidence of

extension ZooKeeperReport {
    private struct Evidence {
        var answered: Bool?
        var serving: Bool?
    }

    private mutating func take(_ answer: FourLetterAnswer, of word: FourLetterWord) -> Evidence {
        switch answer {
        case .text(let text):
            do throws(UnreadableAnswer) {
                let serving = word == .mntr ? try self.takeMonitor(text) : try self.takeSummary(text)
                return Evidence(answered: true, serving: serving)
            } catch {
                self.problems.append(error.description)
                return Evidence()
            }
        case .notServing:
            return Evidence(answered: true, serving: false)
        case .refused:
            return Evidence(answered: false, serving: false)
        case .notPermitted:
            self.problems.append("\(word) is not permitted; add it to 4lw.commands.whitelist")
            return Evidence(answered: true)
        case .empty:
            self.problems.append("\(word): the connection was closed without an answer")
            return Evidence()
        case .garbage(let what):
            self.problems.append("\(word): not ZooKeeper's answer: \(what)")
            return Evidence()
        case .unknown(let outcome):
            self.problems.append("\(word): \(outcome)")
            return Evidence()
        }
    }

    private mutating func takeSummary(_ text: String) throws(UnreadableAnswer) -> Bool? {
        let summary = try ServerSummary(parsing: text)
        self.mode = summary.mode
        self.version = summary.version
        self.nodeCount = summary.nodeCount
        self.averageLatencyMilliseconds = summary.averageLatencyMilliseconds
        self.takeLive(summary.zxid)
        return summary.mode.isServing
    }

    private mutating func takeMonitor(_ text: String) throws(UnreadableAnswer) -> Bool? {
        let monitor = try ServerMonitor(parsing: text)
        self.mode = self.mode ?? monitor.mode
        self.version = self.version ?? monitor.version
        self.nodeCount = monitor.nodeCount ?? self.nodeCount
        self.averageLatencyMilliseconds = monitor.averageLatencyMilliseconds ?? self.averageLatencyMilliseconds
        self.syncedFollowers = monitor.syncedFollowers
        self.quorumSize = monitor.quorumSize
        // In a phase before broadcast the member answers already and does not serve yet.
        return monitor.isBroadcasting == false ? false : monitor.mode.isServing
    }

    private mutating func take(_ answer: ZooKeeperAnswers.ClusterID) -> Evidence {
        switch answer {
        case .found(let id):
            self.clusterID = id
            return Evidence(answered: true, serving: true)
        case .absent:
            return Evidence(answered: true, serving: true)
        case .failed(let error):
            switch error.reason {
            case .connection(.refused): return Evidence(answered: false, serving: false)
            case .readOnlyServer: return Evidence(answered: true, serving: false)
            default:
                self.problems.append("cluster_id: \(error)")
                return Evidence()
            }
        }
    }

    /// A refused or silent AdminServer is no evidence: it can be switched off while the member serves.
    private mutating func take(_ answer: AdminAnswer) -> Evidence {
        switch answer {
        case .object(let json):
            do throws(UnreadableAnswer) {
                let state = try ZabState(json)
                if let zxid = state.lastZxid { self.takeLive(zxid) }
                return Evidence(answered: true, serving: state.isBroadcasting)
            } catch {
                self.problems.append(error.description)
                return Evidence()
            }
        case .notServing:
            return Evidence(answered: true, serving: false)
        case .commandFailed(let text):
            self.problems.append("zabstate: \(text)")
            return Evidence(answered: true)
        case .refused:
            self.problems.append("zabstate: the AdminServer's port refuses connections; is it switched on?")
            return Evidence()
        case .garbage(let what):
            self.problems.append("zabstate: not an AdminServer's answer: \(what)")
            return Evidence()
        case .unknown(let outcome):
            self.problems.append("zabstate: \(outcome)")
            return Evidence()
        }
    }

    private mutating func takeLive(_ zxid: Zxid) {
        self.zxid = max(self.zxid ?? zxid, zxid)
        self.epoch = self.zxid?.epoch
    }

    private mutating func take(_ disk: ZooKeeperDiskState) {
        switch disk.verdict {
        case .intact: self.data = .intact
        case .lost: self.data = .lost
        case .damaged(let reason):
            self.data = .damaged
            self.problems.append("disk: \(reason)")
        case .unknown(let reason):
            self.data = .unknown
            self.problems.append("disk: \(reason)")
        }
        if self.zxid == nil, let last = disk.lastZxid {
            self.zxid = last.value
            self.isZxidLowerBound = !last.isExact
        }
        // A running member has at least the epoch it last wrote with, whatever was on the disk a moment before.
        self.epoch = [disk.currentEpoch, self.zxid?.epoch].compactMap { $0 }.max()
    }

    // MARK: What follows from all of it

    private mutating func conclude(clientPort: [Evidence], admin: Evidence) {
        let all = clientPort + [admin]
        if all.contains(where: { $0.answered == true }) {
            self.answered = true
        } else if !clientPort.isEmpty, clientPort.allSatisfy({ $0.answered == false }) {
            self.answered = false
        }

        let claims = Set(all.compactMap(\.serving))
        let refusals = clientPort.filter { $0.answered == false }.count
        if claims.count > 1 {
            self.problems.append("the answers disagree on whether the member serves; it is changing state")
        } else if refusals > 0, clientPort.contains(where: { $0.answered == nil }) {
            // One port that refuses one connection and swallows another: a firewall, or a process just ending.
            self.problems.append("the client port refused one connection and left another without an answer")
        } else {
            self.serving = claims.first
        }
    }
}
