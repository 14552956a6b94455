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
    /// The youngest receipt that ``sweep(olderThan:keepingAtMost:settled:)`` may remove.
    package static let youngestSwept = Duration.seconds(86_400)
    /// How many receipts one sweep removes; send another if it removed as many.
    package static let sweepBatch = 500

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
        program.setOutput(limit: command.outputLimit)
        program.set("h_patience", command.answersWithin.centiseconds)
        program.define(command)
        program.append(.taking)
        program.append(.receipt)
        program.append(.output)
        program.append(.start)
        return program.script(running: "h_start", through: self.store)
    }

    /// Answers what became of an effect, without waiting.
    ///
    /// `begunAgo` is the age of the effect by the engine's clock: past ``youngestSwept`` a missing receipt may have been
    /// swept, and is in doubt. `sealing` makes "never" stay true: a start still on its way will be refused.
    package func ask(
        _ id: ReceiptID,
        begunAgo: Duration,
        sealing: Bool,
        outputLimit: Int = 65_536
    ) -> RemoteScript {
        var program = self.program(lack: "doubt")
        program.set("h_effect", id.text)
        program.set("h_aged", begunAgo >= Self.youngestSwept ? "1" : "")
        program.set("h_sealing", sealing ? "1" : "")
        program.setOutput(limit: outputLimit)
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
        outputLimit: Int = 65_536
    ) -> RemoteScript {
        var program = self.program(lack: "doubt")
        program.set("h_effect", id.text)
        program.set("h_patience", patience.centiseconds)
        program.setOutput(limit: outputLimit, after: received)
        program.append(.taking)
        program.append(.receipt)
        program.append(.output)
        program.append(.attach)
        return program.script(running: "h_attach", through: self.store)
    }

    /// Ends the command: TERM to its whole session, a grace, KILL, and the answer once nobody is left.
    ///
    /// What was never started is sealed. What had ended is left alone: the daemons it left behind belong to the host.
    package func stop(_ id: ReceiptID, grace: Duration, outputLimit: Int = 65_536) -> RemoteScript {
        let grace = min(max(grace, .zero), ReceiptCommand.Limits.grace)
        var program = self.program(lack: "doubt")
        program.set("h_effect", id.text)
        program.set("h_grace", grace.centiseconds)
        program.set("h_patience", (grace + Self.confirmation).centiseconds)
        program.setOutput(limit: outputLimit)
        program.append(.taking)
        program.append(.receipt)
        program.append(.output)
        program.append(.ending)
        program.append(.stop)
        return program.script(running: "h_stop", through: self.store)
    }

    /// Removes receipts that are over and old.
    ///
    /// What is older than `olderThan`, which is at least ``youngestSwept``, goes in any case. Above `most` the oldest go as
    /// soon as they are past ``youngestSwept``. What the engine has `settled` and will never ask for again goes at once,
    /// unless it is running.
    ///
    /// A receipt from before the last boot counts as old as the host is up, so a host that is restarted every day keeps
    /// its receipts until they are named as settled.
    package func sweep(olderThan: Duration, keepingAtMost most: Int, settled: [ReceiptID] = []) -> RemoteScript {
        var program = self.program(lack: "doubt")
        program.set("h_oldest", max(olderThan, Self.youngestSwept).centiseconds)
        program.set("h_youngest", Self.youngestSwept.centiseconds)
        program.set("h_most", Int64(max(most, 0)))
        program.set("h_batch", Int64(Self.sweepBatch))
        program.set("h_settled", settled.map(\.text).joined(separator: " "))
        program.append(.taking)
        program.append(.receipt)
        program.append(.sweep)
        return program.script(running: "h_sweep", through: self.store)
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
        program.append(.framing)
        program.append(.processes)
        program.append(.host)
        program.append(.store)
        return program
    }
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
