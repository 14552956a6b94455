// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The part a server says it plays.
///
/// A leader that has lost its majority still says `leader` until `syncLimit` ticks have passed: one server's word is not
/// proof of a quorum.
package enum ServerMode: Hashable, Sendable {
    case leader
    case follower
    case observer
    case standalone
    /// Cut off from the quorum, answering reads from what it last knew.
    case readOnly
    /// A word this version of Selfheal does not know.
    case unknown(String)

    package init(_ name: some StringProtocol) {
        self =
            switch name {
            case "leader": .leader
            case "follower": .follower
            case "observer": .observer
            case "standalone": .standalone
            case "read-only": .readOnly
            default: .unknown(String(name))
            }
    }

    package var name: String {
        switch self {
        case .leader: "leader"
        case .follower: "follower"
        case .observer: "observer"
        case .standalone: "standalone"
        case .readOnly: "read-only"
        case .unknown(let name): name
        }
    }

    /// Whether reads and writes are taken, or `nil` for a word we do not know.
    package var isServing: Bool? {
        switch self {
        case .leader, .follower, .observer, .standalone: true
        case .readOnly: false
        case .unknown: nil
        }
    }
}
