// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Why the store could not do what was asked.
package struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// Another engine owns this folder; its process if it could be read.
        case heldByAnotherEngine(pid: Int32?)
        /// The folder is a link, belongs to somebody else, or others may write in it.
        case unsafeFolder
        /// The folder or a file in it could not be created or opened.
        case cannotOpen
        /// There is no store in this folder yet.
        case noStore
        /// The file is not a Selfheal store.
        case foreignFile
        case schemaTooNew(found: Int, known: Int)
        case schemaTooOld(found: Int, known: Int)
        /// SQLite did not accept a setting that durability rests on.
        case notDurable
        /// The disk said no; the store accepts nothing more. See ``GroupCommitter``.
        case writeFailed(WriteFailure)
        case readFailed
        /// The records do not follow the run's last one; that run must stop.
        case sequenceConflict(run: String, expected: Int64, found: Int64)
        /// What is read back is not what was written, or part of it is gone.
        case corrupt(run: String, sequence: Int64)
        case unknownRun(String)
        case duplicateRun(String)
        /// The alert that a run should answer has an answer already.
        case alertAnswered
        case ambiguousRun(prefix: String)
        /// A value that the store does not take: too long, empty, not text.
        case invalid
        /// The store was opened for reading.
        case readOnly
        /// The store was closed by its owner.
        case closed
    }

    package enum WriteFailure: String, Hashable, Sendable {
        case diskFull
        case inputOutput
        case notWritable
        case damagedFile
        /// Another process kept the database locked, which an engine's lock should have prevented.
        case heldElsewhere
        case other
    }

    package var code: Code
    /// What happened and what an operator can do about it, with the path or run named.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { self.message }
}

extension StoreError {
    static func sequenceConflict(run: String, expected: Int64, found: Int64) -> Self {
        Self(
            .sequenceConflict(run: run, expected: expected, found: found),
            "run \(run): record \(found) cannot follow record \(expected - 1), since \(expected) is due; the run must stop"
        )
    }

    static func corrupt(run: String, sequence: Int64, _ detail: String) -> Self {
        Self(
            .corrupt(run: run, sequence: sequence),
            "run \(run), record \(sequence): \(detail); the run cannot be continued from this store"
        )
    }

    static func unknownRun(_ run: String) -> Self {
        Self(.unknownRun(run), "there is no run '\(run)' in this store")
    }

    static func invalid(_ message: String) -> Self {
        Self(.invalid, message)
    }

    static func closed(_ folder: String) -> Self {
        Self(.closed, "the store in \(folder) is closed")
    }
}
