// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import ProbeZooKeeper

/// What a member says when it is asked for `srvr`.
package enum MemberAnswer: Hashable, Sendable {
    case serving(mode: ServerMode, zxid: Zxid)
    /// It is there and has no quorum.
    case notServing
    /// Nothing listens at its port.
    case refused
    /// Nothing came back in time that could be read, so nobody knows.
    case silent

    package var mode: ServerMode? {
        guard case .serving(let mode, _) = self else {
            return nil
        }
        return mode
    }

    package var zxid: Zxid? {
        guard case .serving(_, let zxid) = self else {
            return nil
        }
        return zxid
    }

    package var isServing: Bool { self.mode?.isServing == true }
}

extension MemberAnswer: CustomStringConvertible {
    package var description: String {
        switch self {
        case .serving(let mode, _): mode.name
        case .notServing: "not serving"
        case .refused: "refused"
        case .silent: "no answer"
        }
    }
}
