// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import ProbeZooKeeper

extension LabStatus {
    /// The same as ``text``, for programs: one object, keys in order, a newline at the end.
    package var json: String {
        let report = Report(self)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        // Only strings, numbers and dates are in it, and those can always be encoded.
        let bytes = (try? encoder.encode(report)) ?? Data()
        return String(decoding: bytes, as: UTF8.self) + "\n"
    }

    private struct Report: Encodable {
        struct Member: Encodable {
            let name: String
            let address: String
            let process: Process
            let sshd: Process
            let says: String
            let zxid: String?
            let znodes: Int?
            let missing: Int?
            let changed: Int?
            let extra: Int?
            let digest: String?
            let clusterId: String?
            let disk: Disk?
        }

        struct Disk: Encodable {
            let state: String
            let epoch: Int64?
            let zxid: String?
            let notes: [String]

            init(_ disk: ZooKeeperDiskState) {
                self.state = disk.verdict.word
                self.epoch = disk.currentEpoch
                self.zxid = disk.lastZxid?.value.description
                self.notes = disk.remarks
            }
        }

        struct Broker: Encodable {
            let name: String
            let address: String
            let process: Process
            let sshd: Process
            let accepts: Bool
        }

        struct Process: Encodable {
            let state: String
            let pid: Int32?

            init(_ state: ProcessState) {
                switch state {
                case .running(let pid): (self.state, self.pid) = ("running", pid)
                case .frozen(let pid): (self.state, self.pid) = ("frozen", pid)
                case .down: (self.state, self.pid) = ("down", nil)
                }
            }
        }

        let folder: String
        let verdict: Verdict
        let sentence: String
        let clusterId: String
        let expectedZnodes: Int
        let members: [Member]
        let brokers: [Broker]
        let breaks: [Break]

        init(_ status: LabStatus) {
            self.folder = status.folder
            self.verdict = status.verdict
            self.sentence = status.sentence
            self.clusterId = status.clusterID
            self.expectedZnodes = status.expectedZnodes
            self.members = status.members.map { member in
                Member(
                    name: member.name,
                    address: member.address,
                    process: Process(member.zooKeeper),
                    sshd: Process(member.sshd),
                    says: member.answer.description,
                    zxid: member.answer.zxid?.description,
                    znodes: member.tree?.znodes,
                    missing: member.tree?.missing,
                    changed: member.tree?.changed,
                    extra: member.tree?.extra,
                    digest: member.tree?.digest,
                    clusterId: member.tree?.clusterID,
                    disk: member.disk.map(Disk.init)
                )
            }
            self.brokers = status.brokers.map { broker in
                Broker(
                    name: broker.name,
                    address: broker.address,
                    process: Process(broker.process),
                    sshd: Process(broker.sshd),
                    accepts: broker.accepts
                )
            }
            self.breaks = status.breaks
        }
    }
}
