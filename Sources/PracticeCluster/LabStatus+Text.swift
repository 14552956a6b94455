// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import ProbeZooKeeper

extension LabStatus {
    /// A table for a terminal, the verdict last.
    package var text: String {
        var rows = [["MEMBER", "ADDRESS", "PROCESS", "SSHD", "SAYS", "ZXID", "ZNODES", "DISK"]]
        for member in self.members {
            let zxid = member.answer.zxid?.description ?? "-"
            rows.append([
                member.name, member.address, member.zooKeeper.text, member.sshd.text, member.answer.description, zxid,
                member.tree?.text ?? "-", member.disk?.text ?? "-",
            ])
        }
        if !self.brokers.isEmpty {
            rows.append([])
            rows.append(["BROKER", "ADDRESS", "PROCESS", "SSHD", "PORT"])
        }
        for broker in self.brokers {
            rows.append([
                broker.name, broker.address, broker.process.text, broker.sshd.text, broker.accepts ? "open" : "closed",
            ])
        }
        let notes = self.members.flatMap { member in
            (member.disk?.remarks ?? []).map { "\(member.name): \($0)\n" }
        }
        return Self.table(rows) + "\n" + notes.joined() + "\(self.sentence)\n"
    }

    /// The verdict with its reason.
    package var sentence: String {
        let serving = "\(self.serving.count) of \(self.members.count) serving"
        switch self.verdict {
        case .healthy:
            return "healthy: one leader, \(serving) the expected \(self.expectedZnodes) znodes, same cluster id"
        case .degraded:
            return "degraded: one leader, \(serving) the expected znodes; \(self.absent) missing"
        case .quorumLost:
            guard self.serving.count >= self.majority else {
                return "quorum lost: \(serving), \(self.majority) needed"
            }
            // Members that still say that they serve count for nothing without one who leads them, or if nobody can read there.
            switch self.leaders.count {
            case 0: return "quorum lost: \(serving), and none of them leads"
            case 1: return "quorum lost: \(serving), and too few of them can be read"
            default: return "quorum lost: \(serving), and \(self.leaders.count) of them say that they lead"
            }
        case .dataLost:
            let faults = self.serving.compactMap { member -> String? in
                guard let tree = member.tree, !tree.holdsExpected || tree.clusterID != self.clusterID else {
                    return nil
                }
                return "\(member.name) has \(tree.text)"
            }
            let what = faults.isEmpty ? "the members serve different trees" : faults.joined(separator: "; ")
            return "data lost: \(serving), but \(what)"
        }
    }

    private var absent: String {
        let members = self.members.filter { $0.tree == nil || !$0.sshd.isRunning }.map(\.name)
        let brokers = self.brokers.filter { !$0.accepts || !$0.sshd.isRunning }.map(\.name)
        return (members + brokers).joined(separator: ", ")
    }

    private static func table(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in
            rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
        }
        let lines = rows.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }.joined()
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

extension ProcessState {
    fileprivate var text: String {
        switch self {
        case .running(let pid): "pid \(pid)"
        case .frozen(let pid): "frozen \(pid)"
        case .down: "down"
        }
    }
}

extension LabStatus.Tree {
    fileprivate var text: String {
        let faults = [(self.missing, "missing"), (self.changed, "changed"), (self.extra, "extra")]
            .filter { $0.0 > 0 }
            .map { "\($0.0) \($0.1)" }
        return faults.isEmpty ? String(self.znodes) : "\(self.znodes) (\(faults.joined(separator: ", ")))"
    }
}

extension ZooKeeperDiskState {
    /// The verdict, and the two numbers by which members are ranked.
    fileprivate var text: String {
        let epoch = self.currentEpoch.map { ", epoch \($0)" } ?? ""
        let zxid = self.lastZxid.map { ", \($0.value)" } ?? ""
        return self.verdict.word + epoch + zxid
    }

    /// What a person should know besides.
    var remarks: [String] { self.verdict.reasons + self.notes }
}

extension ZooKeeperDiskState.Verdict {
    var word: String {
        switch self {
        case .intact: "intact"
        case .lost: "lost"
        case .damaged: "damaged"
        case .unknown: "unknown"
        }
    }

    fileprivate var reasons: [String] {
        switch self {
        case .intact, .lost: []
        case .damaged(let reason), .unknown(let reason): [reason]
        }
    }
}
