// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The folder that holds a store: who may use it, and what its files are called.
struct StoreFolder: Hashable, Sendable {
    let path: String

    /// Without a slash at its end, which would make the kernel follow a link that is to be refused.
    init(path: String) {
        var path = path[...]
        while path.count > 1, path.last == "/" {
            path.removeLast()
        }
        self.path = String(path)
    }

    var database: String { "\(self.path)/selfheal.db" }
    var lock: String { "\(self.path)/engine.lock" }

    /// Makes sure that the folder exists and is ours alone to write in.
    ///
    /// Journal, lock and control socket rest on nobody else being able to put files here, so a folder that
    /// belongs to another user, or in which others may write, is refused rather than repaired.
    func prepare() throws(StoreError) {
        if mkdir(self.path, 0o700) == 0 {
            self.flush(self.parent)
        } else if errno != EEXIST {
            throw self.cannotOpen("cannot create the store's folder", errno)
        }
        try self.inspect()
        guard access(self.path, W_OK | X_OK) == 0 else {
            throw self.cannotOpen("cannot write in the store's folder", errno)
        }
    }

    /// Refuses a folder that somebody else could have prepared for us.
    func inspect() throws(StoreError) {
        var status = stat()
        guard lstat(self.path, &status) == 0 else {
            if errno == ENOENT {
                throw StoreError(.noStore, "there is no store in \(self.path): no such folder")
            }
            throw self.cannotOpen("cannot look at the store's folder", errno)
        }
        guard status.st_mode & S_IFMT != S_IFLNK else {
            throw StoreError(.unsafeFolder, "\(self.path) is a symbolic link; name the folder itself")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw StoreError(.unsafeFolder, "\(self.path) is not a folder")
        }
        guard status.st_uid == geteuid() else {
            throw StoreError(
                .unsafeFolder,
                "\(self.path) belongs to user \(status.st_uid), and this process runs as user \(geteuid()); run as its owner"
            )
        }
        guard status.st_mode & 0o022 == 0 else {
            throw StoreError(.unsafeFolder, "others may write in \(self.path); run: chmod 700 '\(self.path)'")
        }
    }

    /// Creates an empty database file that only its owner can read, and says whether it was missing.
    ///
    /// SQLite would create it readable for everyone; its other files take over this file's mode. An existing
    /// file is not opened here: closing it again would drop the locks of every SQLite connection in the process.
    func createDatabase() throws(StoreError) {
        let file = open(self.database, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            guard errno == EEXIST else {
                throw self.cannotOpen("cannot create selfheal.db in", errno)
            }
            var status = stat()
            guard lstat(self.database, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                throw StoreError(.unsafeFolder, "\(self.database) is not a plain file")
            }
            return
        }
        close(file)
        self.flush(self.path)
    }

    var hasDatabase: Bool {
        access(self.database, F_OK) == 0
    }

    /// Makes the names in a folder survive a power loss; a file system that cannot is not worth refusing.
    private func flush(_ folder: String) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            return
        }
        _ = fsync(descriptor)
        close(descriptor)
    }

    private var parent: String {
        guard let slash = self.path.lastIndex(of: "/") else {
            return "."
        }
        return slash == self.path.startIndex ? "/" : String(self.path[..<slash])
    }

    private func cannotOpen(_ what: String, _ number: Int32) -> StoreError {
        StoreError(.cannotOpen, "\(what) \(self.path): \(String(cString: strerror(number)))")
    }
}
