// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The ways in which the practice cluster can be broken.
package enum BreakMode: String, Hashable, Sendable, CaseIterable, Codable {
    case member
    case quorum
    case data
    case blackout
    case cut
    case hang
    case disk
    case tornLog = "torn-log"

    /// What it does, for a list of modes.
    package var summary: String {
        switch self {
        case .member: "kills one member; the quorum holds"
        case .quorum: "kills a majority; their data is intact"
        case .data: "kills a majority and empties their disks"
        case .blackout: "kills all members and empties the disks of a majority, so that the order of starting decides"
        case .cut: "cuts a majority off the network; they live on, and nobody gets an answer from them"
        case .hang: "freezes the leader; its host answers"
        case .disk: "kills one member and spoils its snapshots, so that it cannot start again"
        case .tornLog: "kills one member in the middle of a write to its log, which it survives"
        }
    }

    /// How many members it takes, when the caller names none.
    func victims(of count: Int) -> Int {
        switch self {
        case .member, .hang, .disk, .tornLog: 1
        case .quorum, .data, .blackout, .cut: count / 2 + 1
        }
    }
}
