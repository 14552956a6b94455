// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDB

extension StoreError {
    /// A failure that ends the store's life as a place to write to.
    static func writing(to path: String, _ error: any Error) -> Self {
        if let error = error as? StoreError {
            return error
        }
        let (failure, cure) = Self.explain(error)
        return Self(
            .writeFailed(failure),
            "writing to \(path) failed: \(Self.detail(of: error)); \(cure); nothing more is written until a restart"
        )
    }

    static func reading(from path: String, _ error: any Error) -> Self {
        (error as? StoreError) ?? Self(.readFailed, "reading from \(path) failed: \(Self.detail(of: error))")
    }

    static func opening(_ path: String, _ error: any Error) -> Self {
        if let error = error as? StoreError {
            return error
        }
        guard (error as? DatabaseError)?.resultCode != .SQLITE_NOTADB else {
            return Self(.foreignFile, "\(path) is not a SQLite database")
        }
        let (_, cure) = Self.explain(error)
        return Self(.cannotOpen, "cannot open \(path): \(Self.detail(of: error)); \(cure)")
    }

    private static func explain(_ error: any Error) -> (WriteFailure, cure: String) {
        switch (error as? DatabaseError)?.resultCode {
        case .SQLITE_FULL: (.diskFull, "make room on its disk")
        case .SQLITE_IOERR: (.inputOutput, "check the disk and the kernel's log")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN, .SQLITE_AUTH:
            (.notWritable, "check the folder's permissions and that its file system is writable")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_CONSTRAINT, .SQLITE_MISMATCH:
            (.damagedFile, "the file is damaged: keep a copy and restore a backup")
        case .SQLITE_BUSY, .SQLITE_LOCKED: (.heldElsewhere, "find the process that keeps the database locked")
        default: (.other, "see the message above")
        }
    }

    private static func detail(of error: any Error) -> String {
        guard let error = error as? DatabaseError else {
            return "\(error)"
        }
        return "\(error.message ?? "no message") (SQLite \(error.extendedResultCode.rawValue))"
    }
}
