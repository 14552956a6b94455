// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// How a remote command ended.
///
/// Either ``exitStatus`` or ``signal`` is set, never both: a server that says neither leaves the command
/// in doubt, and that is an error.
package struct SSHCommandResult: Hashable, Sendable {
    package var exitStatus: Int32?
    /// The signal that ended the command, without `SIG`: `KILL`, `TERM`.
    package var signal: String?
    package var standardOutput: [UInt8]
    package var standardError: [UInt8]
    /// Whether one of the streams had more than is kept here.
    ///
    /// The command was not disturbed by it: what does not fit is read and dropped.
    package var outputTruncated: Bool
    /// From the request to the result, waiting and connecting included.
    package var duration: Duration

    package var succeeded: Bool { self.exitStatus == 0 }

    package init(
        exitStatus: Int32?,
        signal: String?,
        standardOutput: [UInt8],
        standardError: [UInt8],
        outputTruncated: Bool,
        duration: Duration
    ) {
        self.exitStatus = exitStatus
        self.signal = signal
        self.standardOutput = standardOutput
        self.standardError = standardError
        self.outputTruncated = outputTruncated
        self.duration = duration
    }
}

/// Output as it arrives, for showing progress.
package struct SSHOutputChunk: Hashable, Sendable {
    package enum Stream: String, Hashable, Sendable {
        case standardOutput
        case standardError
    }

    package var stream: Stream
    package var bytes: [UInt8]

    package init(stream: Stream, bytes: [UInt8]) {
        self.stream = stream
        self.bytes = bytes
    }
}

/// What a client has done so far.
package struct SSHCounters: Hashable, Sendable {
    /// Connections that reached the end of authentication.
    package var sessionsOpened = 0
    /// Of those, how many have ended, for whatever reason.
    package var sessionsClosed = 0
    /// Connections that failed before that.
    package var connectsFailed = 0
    /// Commands whose request left us.
    package var commandsSent = 0
    /// Channels that a server would not open because it had enough.
    package var channelsRefused = 0
    /// Commands that were moved to another connection because theirs died before they were sent.
    package var commandsMoved = 0

    package init() {}
}
