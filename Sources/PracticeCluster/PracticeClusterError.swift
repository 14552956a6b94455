// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Why the practice cluster could not do what it was asked.
///
/// A broken member is not an error: that is what the practice cluster is for, and ``LabStatus`` says so.
package struct PracticeClusterError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        /// A program or library is not installed; the message says which package has it.
        case programMissing
        /// The options contradict themselves or go beyond a limit.
        case badOption
        /// There is something in the folder already.
        case folderTaken
        /// The folder is not a practice cluster, or it belongs to somebody else.
        case notALab
        /// No loopback network is free on all the ports.
        case portTaken
        /// A part was started and ended, or never answered.
        case couldNotStart
        /// Something that has to come about did not, in time.
        case timedOut
        /// A member or broker of that name does not exist.
        case unknownName
        /// The command runs inside the cluster that it would take down.
        case insideLab
        /// A process or a file could not be removed.
        case leftovers
        /// The file system said no.
        case file
    }

    package var code: Code
    /// What happened and what a person can do about it, with the part named.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { self.message }
}
