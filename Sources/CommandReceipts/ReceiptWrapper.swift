// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Writes the sh programs by which an engine speaks to a store of receipts.
///
/// ```
///              start                     supervisor writes
///     never ──────────▶ running ────────────────────────────▶ done(status)
///       │ ask, stop        │ power loss, lost folder, killed supervisor
///       ▼                  ▼
///     sealed            in doubt
/// ```
///
/// Whatever is sent twice, late or by two engines at once, the command starts at most once, and never for an older term
/// than the store has seen. Sending the same ``start(_:)`` again attaches to what the first one began.
package struct ReceiptWrapper: Hashable, Sendable {
    /// How long past budget and grace the host needs to see that KILL has worked and to write it down.
    package static let confirmation = Duration.seconds(10)
    /// How long a receipt is kept at least.
    package static let keptFor = Duration.seconds(7 * 86_400)
    /// From this age on a missing receipt is no proof.
    ///
    /// A day less than ``keptFor``: the engine's clock and the host's need not agree.
    package static let provesFor = Duration.seconds(6 * 86_400)
    /// How many receipts one sweep removes; what is left goes with another.
    package static let sweepBatch = 500
    /// How many runs one sweep may be about.
    package static let sweepRuns = 64
    /// How many names of swept runs a store keeps; the names that sort first are forgotten first.
    package static let sweptNames = 10_000

    package let store: ReceiptStore
    /// The fencing number of the engine.
    ///
    /// Every verb raises the store to it and is refused when the store has seen a higher.
    package let term: Int64
    /// Unguessable letters and digits, fresh for each program: they mark our lines among the command's.
    package let nonce: String
    /// The store the caller knows.
    ///
    /// Another in its place answers *in doubt*, and is refused a start.
    ///
    /// Without it a missing store is in doubt all the same, unless the verb is ``open()``; but one that was deleted
    /// *and* made anew goes unnoticed. So open first, remember, then start.
    package let incarnation: StoreIncarnation?

    package init(
        store: ReceiptStore,
        term: UInt64,
        nonce: String,
        incarnation: StoreIncarnation?
    ) throws(ReceiptError) {
        guard let term = Int64(exactly: term) else {
            throw ReceiptError(code: .outOfRange, message: "term \(term) is beyond what a shell can compare")
        }
        let letters = nonce.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: false
            }
        }
        guard letters, 16...64 ~= nonce.utf8.count else {
            throw ReceiptError(code: .malformedName, message: "a nonce has 16 to 64 letters and digits")
        }
        self.store = store
        self.term = term
        self.nonce = nonce
        self.incarnation = incarnation
    }

    /// Makes the store where there is none, and reads its incarnation and the host's clock.
    package func open() -> RemoteScript {
        var program = self.program(lack: "doubt")
        program.set("h_create", "1")
        program.append(.open)
        return program.script(running: "h_open", through: self.store)
    }

    /// Claims, runs, sends output as it comes, and answers with the end; or attaches to what was claimed before.
    package func start(_ command: ReceiptCommand) throws(ReceiptError) -> RemoteScript {
        try command.check()
        var program = self.program(lack: "refused")
        program.set("h_effect", command.id.text)
        program.set("h_budget", command.budget.centiseconds)
        program.set("h_deadline", command.deadline.map { String($0.sinceBoot.centiseconds) } ?? "")
        program.set("h_deadlineboot", command.deadline?.boot ?? "")
        program.set("h_grace", command.grace.centiseconds)
        program.set("h_directory", command.workingDirectory ?? "")
        program.setOutput(limit: command.outputLimit, forgetting: command.holdsSecrets)
        program.set("h_patience", command.answersWithin.centiseconds)
        program.define(command)
        program.append(Self.starting)
        return program.script(running: "h_start", through: self.store)
    }

    /// Answers what became of an effect, without waiting.
    ///
    /// `begunAgo` is the age of the effect by the engine's clock, or nothing when that clock cannot tell: past ``provesFor`` a missing
    /// receipt may have been swept, or removed by hand, and is in doubt. `sealing` makes "never" stay true: a start still on its way will be
    /// refused.
    package func ask(
        _ id: ReceiptID,
        begunAgo: Duration?,
        sealing: Bool,
        outputLimit: Int = 65_536,
        forgetting: Bool = false
    ) -> RemoteScript {
        var program = self.program(lack: "doubt")
        program.set("h_effect", id.text)
        program.set("h_aged", Self.isAged(begunAgo) ? "1" : "")
        program.set("h_sealing", sealing ? "1" : "")
        program.setOutput(limit: outputLimit, forgetting: forgetting)
        program.append(.taking)
        program.append(.receipt)
        program.append(.output)
        program.append(.ask)
        return program.script(running: "h_ask", through: self.store)
    }

    /// Waits for the end, sending the output past what the caller has, and answers *running* when patience is over.
    package func attach(
        _ id: ReceiptID,
        patience: Duration,
        after received: ReceiptOutputOffsets = ReceiptOutputOffsets(),
        outputLimit: Int = 65_536,
        forgetting: Bool = false
    ) -> RemoteScript {
        var program = self.program(lack: "doubt")
        program.set("h_effect", id.text)
        program.set("h_patience", patience.centiseconds)
        program.setOutput(limit: outputLimit, forgetting: forgetting, after: received)
        program.append(.taking)
        program.append(.receipt)
        program.append(.output)
        program.append(.attach)
        return program.script(running: "h_attach", through: self.store)
    }

    /// Ends the command: TERM to its whole session, a grace, KILL, and the answer once nobody is left.
    ///
    /// What was never started is sealed, unless its receipt may have been swept. What had ended is left alone: the daemons it left behind
    /// belong to the host.
    package func stop(
        _ id: ReceiptID,
        begunAgo: Duration?,
        grace: Duration,
        outputLimit: Int = 65_536,
        forgetting: Bool = false
    ) -> RemoteScript {
        let grace = min(max(grace, .zero), ReceiptCommand.Limits.grace)
        var program = self.program(lack: "doubt")
        program.set("h_effect", id.text)
        program.set("h_grace", grace.centiseconds)
        program.set("h_aged", Self.isAged(begunAgo) ? "1" : "")
        program.set("h_patience", (grace + Self.confirmation).centiseconds)
        program.setOutput(limit: outputLimit, forgetting: forgetting)
        program.append(.taking)
        program.append(.receipt)
        program.append(.output)
        program.append(.ending)
        program.append(.stop)
        return program.script(running: "h_stop", through: self.store)
    }

    /// Answers with the runs that have receipts which are old enough to go, at most ``sweepRuns``.
    ///
    /// A run is what stands before the first full stop of a receipt's name.
    package func list() -> RemoteScript {
        var program = self.sweeping()
        program.set("h_most", Int64(Self.sweepRuns))
        return program.script(running: "h_list", through: self.store)
    }

    /// Removes the receipts of these runs whose commands have ended, and did so long enough ago.
    ///
    /// Only runs that have ended and will never ask again may be named. What is sealed, runs, or is in doubt stays, and so does what
    /// is younger than ``keptFor`` on the host's own clock. A receipt from before the last boot has no age on that clock: it goes if its
    /// command's end was recorded, and the engine answers for its age.
    ///
    /// The names of the runs stay behind. From then on nothing of them is started, and what is missing of them is in doubt.
    package func sweep(_ runs: [ReceiptID]) -> RemoteScript {
        var program = self.sweeping()
        program.set("h_batch", Int64(Self.sweepBatch))
        program.set("h_names", Int64(Self.sweptNames))
        program.set("h_runs", runs.prefix(Self.sweepRuns).map(\.text).joined(separator: " "))
        return program.script(running: "h_sweep", through: self.store)
    }

    private func sweeping() -> ShellProgram {
        var program = self.program(lack: "doubt")
        program.set("h_oldest", Self.keptFor.centiseconds)
        program.append(.receipt)
        program.append(.sweep)
        return program
    }

    private static func isAged(_ begunAgo: Duration?) -> Bool {
        begunAgo.map { $0 < .zero || $0 >= Self.provesFor } ?? true
    }

    private func program(lack: String) -> ShellProgram {
        var program = ShellProgram()
        program.set("h_nonce", self.nonce)
        program.set("h_folder", self.store.folder)
        program.set("h_login", self.store.access == .loginShell ? "1" : "")
        program.set("h_create", "")
        program.set("h_lack", lack)
        program.set("h_term", self.term)
        program.set("h_incarnation", self.incarnation?.text ?? "")
        program.append(Self.prelude)
        return program
    }

    private static let prelude = ShellText([.framing, .processes, .host, .store])
    private static let starting = ShellText([.taking, .receipt, .output, .start])
}

/// How many bytes of each stream the caller has already received.
package struct ReceiptOutputOffsets: Hashable, Sendable {
    package var standardOutput: Int
    package var standardError: Int

    package init(standardOutput: Int = 0, standardError: Int = 0) {
        self.standardOutput = standardOutput
        self.standardError = standardError
    }
}
