// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// Talks to SQLite behind the store's back, the way a curious operator with `sqlite3` would.
///
/// The library is in the process already; looking its functions up spares the tests a dependency.
enum RawSQLite {
    private typealias Open = @convention(c) (UnsafePointer<CChar>, UnsafeMutablePointer<OpaquePointer?>) -> Int32
    private typealias Execute =
        @convention(c) (OpaquePointer?, UnsafePointer<CChar>, OpaquePointer?, OpaquePointer?, OpaquePointer?) -> Int32
    private typealias Close = @convention(c) (OpaquePointer?) -> Int32

    static func execute(_ sql: String, at path: String) throws {
        let library = try #require(dlopen("libsqlite3.so.0", RTLD_NOW))
        let open = unsafeBitCast(try #require(dlsym(library, "sqlite3_open")), to: Open.self)
        let execute = unsafeBitCast(try #require(dlsym(library, "sqlite3_exec")), to: Execute.self)
        let close = unsafeBitCast(try #require(dlsym(library, "sqlite3_close")), to: Close.self)
        var database: OpaquePointer?
        try #require(open(path, &database) == 0)
        defer { _ = close(database) }
        try #require(execute(database, sql, nil, nil, nil) == 0)
    }
}
