// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDB
import GRDBSQLite

/// A prepared statement that is bound and stepped without GRDB's bookkeeping.
///
/// GRDB boxes each argument and looks for observers around each step; on the path of every record that costs a third
/// of an append's processor time. GRDB still owns the statement and keeps it prepared.
struct PreparedWrite {
    private let statement: Statement
    private let pointer: SQLiteStatement
    private let database: Database

    init(_ sql: String, in database: Database) throws {
        self.statement = try database.cachedStatement(sql: sql)
        self.pointer = self.statement.sqliteStatement
        self.database = database
    }

    /// Tells SQLite to copy the text before the call returns: the C header's `SQLITE_TRANSIENT`, a macro.
    private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    func bind(_ value: Int64, at index: Int32) throws {
        try self.check(sqlite3_bind_int64(self.pointer, index, value))
    }

    func bind(_ value: Int64?, at index: Int32) throws {
        if let value {
            try self.bind(value, at: index)
        } else {
            try self.check(sqlite3_bind_null(self.pointer, index))
        }
    }

    func bind(_ text: String, at index: Int32) throws {
        var text = text
        try text.withUTF8 { try self.bind(UnsafeRawBufferPointer($0), at: index) }
    }

    func bind(_ text: String?, at index: Int32) throws {
        if let text {
            try self.bind(text, at: index)
        } else {
            try self.check(sqlite3_bind_null(self.pointer, index))
        }
    }

    /// Binds UTF-8 bytes as text.
    func bind(_ bytes: [UInt8], at index: Int32) throws {
        try bytes.withUnsafeBytes { try self.bind($0, at: index) }
    }

    private func bind(_ bytes: UnsafeRawBufferPointer, at index: Int32) throws {
        let length = Int32(bytes.count)
        guard length > 0, let start = bytes.baseAddress else {
            // An empty buffer may have no address, and SQLite takes no address for NULL.
            try self.check(sqlite3_bind_text(self.pointer, index, "", 0, Self.copied))
            return
        }
        try self.check(
            sqlite3_bind_text(self.pointer, index, start.assumingMemoryBound(to: CChar.self), length, Self.copied)
        )
    }

    func execute() throws {
        let code = sqlite3_step(self.pointer)
        // Read before the reset, which replaces it.
        let failure = code == SQLITE_DONE ? nil : self.failure()
        sqlite3_reset(self.pointer)
        if let failure {
            throw failure
        }
    }

    private func check(_ code: Int32) throws {
        if code != SQLITE_OK {
            throw self.failure()
        }
    }

    private func failure() -> DatabaseError {
        let connection = self.database.sqliteConnection
        return DatabaseError(
            resultCode: ResultCode(rawValue: sqlite3_extended_errcode(connection)),
            message: sqlite3_errmsg(connection).map { String(cString: $0) }
        )
    }
}
