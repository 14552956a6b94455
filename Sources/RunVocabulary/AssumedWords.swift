// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What people say at a gate, as a proof assumes it.
///
/// Raw values are what runbooks say.
package enum ApprovalAnswer: String, Hashable, Sendable, Codable, CaseIterable {
    case granted
    case denied
    /// Nobody says anything in time.
    case expired
}

/// How a node is when the run begins, as a proof assumes it.
///
/// Raw values are what runbooks and the command line say.
package enum NodeBeginning: String, Hashable, Sendable, Codable, CaseIterable {
    case up
    case down
    /// Down, and behind the others.
    case behind
    /// Down, and its disk is empty.
    case lost
    /// Nobody reaches it.
    case cut
}
