// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What a host says about one effect.
package enum ReceiptAnswer: Hashable, Sendable {
    /// The store is there and has our term.
    case opened
    /// The command has not run.
    ///
    /// Sealed, it cannot run any more under this id. Otherwise a start that is still on its way may run it yet.
    case never(sealed: Bool)
    /// It was claimed this long ago and has not ended.
    case running(for: Duration)
    /// It ended, and nothing of it that could be ended is left.
    case done(ReceiptEnding)
    /// The host decided against it: by this request nothing was started, nothing was stopped.
    case refused(ReceiptRefusal)
    /// It may or may not have happened.
    case doubt(ReceiptDoubt)
    /// These runs have receipts that are old enough to go.
    case stored(runs: [ReceiptID])
    /// Of the runs that were named, so many receipts went and so many are still there.
    case swept(removed: Int, kept: Int)
}

/// How a command ended.
package struct ReceiptEnding: Hashable, Sendable {
    package enum Cause: String, Hashable, Sendable {
        case exited
        /// Its time was over, and the host ended it.
        case timedOut = "timeout"
        /// Somebody asked for it.
        case stopped
    }

    /// The exit status as a shell counts: 126 not executable, 127 not found, 128 and the signal's number.
    package var status: Int32
    package var cause: Cause

    package init(status: Int32, cause: Cause) {
        self.status = status
        self.cause = cause
    }

    /// The signal that a shell's status stands for, if it stands for one.
    ///
    /// No shell can tell a death by signal 15 from `exit 143`, and so neither can we.
    package var presumedSignal: Int32? {
        (129...192).contains(self.status) ? self.status - 128 : nil
    }
}

/// Why a host did not do what it was asked.
package enum ReceiptRefusal: Hashable, Sendable {
    /// A newer engine has spoken to this host.
    case olderTerm(current: UInt64)
    case budgetSpent
    /// Somebody decided earlier that this effect must not start; the word says who: `asked`, `stopped`, `budget`, `term`,
    /// `launch` (the supervisor could not be started), `swept` (its run has ended long ago), `lost` or `unclaimed` (what claimed it went away before it began).
    case sealed(because: String)
    /// The store is not the one the caller knows; `nil` when there is none.
    case anotherStore(found: StoreIncarnation?)
    case unsupportedShell(String)
    case unsupportedHost(String)
    case storeUnwritable(String)
    case noWorkingDirectory(String)
}

/// Why nobody can say whether, or how, a command ended.
package enum ReceiptDoubt: Hashable, Sendable {
    /// The host has restarted since. If the command had ended before, this is its status.
    case restarted(recordedStatus: Int32?)
    /// The store is not the one the effect was claimed in; `nil` when there is none.
    case anotherStore(found: StoreIncarnation?)
    /// The receipt vanished while the command ran.
    case receiptVanished
    /// It began, nothing of it lives, and its end was not recorded: somebody killed the supervisor.
    case endNotRecorded
    /// It outlived KILL, or could not be signalled.
    case notConfirmedGone
    /// The receipt was torn when it was written.
    case damaged
    /// No receipt, and it may have been swept.
    case maybeSwept
    /// The answer broke off, or was not ours.
    case unreadable(String)
}

extension ReceiptRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .olderTerm(let current): "the host has seen term \(current), which is newer than ours"
        case .budgetSpent: "the time for the command was over before it could start"
        case .sealed(let reason): "the effect was closed before it began (\(reason))"
        case .anotherStore(.some): "the host's receipts are not the ones we know; they were deleted and begun anew"
        case .anotherStore(nil): "the host's receipts are gone"
        case .unsupportedShell(let shell):
            "the login shell '\(shell)' is not a POSIX shell; give the account sh, dash, bash or busybox"
        case .unsupportedHost(let text): "the host cannot keep receipts: \(text)"
        case .storeUnwritable(let text): "the receipt could not be written, so nothing was started: \(text)"
        case .noWorkingDirectory(let text): "the working directory cannot be entered: \(text)"
        }
    }
}

extension ReceiptDoubt: CustomStringConvertible {
    package var description: String {
        switch self {
        case .restarted(.some(let status)):
            "the host has restarted since; the command had ended with status \(status) before"
        case .restarted(nil): "the host has restarted since; the command's end was not recorded"
        case .anotherStore(.some): "the host's receipts were deleted and begun anew since the command was sent"
        case .anotherStore(nil): "the host's receipts are gone"
        case .receiptVanished: "the receipt was removed while the command ran"
        case .endNotRecorded: "the command began and its end was not recorded"
        case .notConfirmedGone: "the command was told to end, and it cannot be confirmed that it is gone"
        case .damaged: "the receipt is damaged"
        case .maybeSwept: "there is no receipt any more: old ones are swept, and so that proves nothing"
        case .unreadable(let text): "the host's answer is unreadable: \(text)"
        }
    }
}

/// Everything one program said.
package struct ReceiptReport: Hashable, Sendable {
    /// What the host told about its store and itself before it answered.
    package struct StoreReading: Hashable, Sendable {
        package var incarnation: StoreIncarnation
        /// When the program arrived, on the host's clock.
        package var arrival: HostMoment

        package init(incarnation: StoreIncarnation, arrival: HostMoment) {
            self.incarnation = incarnation
            self.arrival = arrival
        }
    }

    package var answer: ReceiptAnswer
    package var store: StoreReading?
    package var standardOutput: ReceiptOutput
    package var standardError: ReceiptOutput
}

/// What is kept of one stream.
package struct ReceiptOutput: Hashable, Sendable {
    package var head: [UInt8] = []
    /// The end of the stream; empty unless something between it and the head was left out.
    package var tail: [UInt8] = []
    package var isTruncated = false

    package init(head: [UInt8] = [], tail: [UInt8] = [], isTruncated: Bool = false) {
        self.head = head
        self.tail = tail
        self.isTruncated = isTruncated
    }
}
