// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Finds the files of tests that a person means.
enum TestFiles {
    static let ending = ".test.yaml"

    /// Folders below folders below folders: deeper than any repository keeps its runbooks.
    private static let depthLimit = 8
    private static let fileLimit = 10_000

    /// A file of tests stands for itself, a runbook for the tests beside it, and a folder for all below it.
    ///
    /// - Returns: nothing when there is neither such a file nor such a folder, with the reason.
    static func find(_ path: String) -> Result<[String], TextFile.Problem> {
        if self.isFolder(path) {
            var files: [String] = []
            self.collect(path == "." ? "" : path, depth: 0, &files)
            return files.isEmpty
                ? .failure(TextFile.Problem(reason: "there is no '*\(self.ending)' in or below it")) : .success(files)
        }
        guard !path.hasSuffix(self.ending), path.hasSuffix(".yaml") else {
            return .success([path])
        }
        let beside = String(path.dropLast(".yaml".count)) + self.ending
        guard access(beside, F_OK) == 0 else {
            return .failure(TextFile.Problem(reason: "there is no '\(beside)' beside it"))
        }
        return .success([beside])
    }

    private static func collect(_ folder: String, depth: Int, _ files: inout [String]) {
        for name in self.names(in: folder.isEmpty ? "." : folder) where !name.hasPrefix(".") {
            let path = folder.isEmpty ? name : folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
            if name.hasSuffix(self.ending), files.count < self.fileLimit {
                files.append(path)
            } else if depth < self.depthLimit, self.isFolder(path), !self.isLink(path) {
                self.collect(path, depth: depth + 1, &files)
            }
        }
    }

    /// Sorted, so that a report does not depend on the file system.
    static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else {
            return []
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        return names.sorted()
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }
}
