// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Files that a person names: read whole, within a bound.
enum TextFile {
    struct Problem: Error {
        let reason: String
        /// Whether there is no such file.
        var isMissing = false
    }

    /// Above what any of our formats allows, so that the format's own limit speaks first.
    private static let sizeLimit = 64 << 20

    static func read(_ path: String) -> Result<[UInt8], Problem> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            return .failure(self.lastProblem)
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                return .failure(self.lastProblem)
            }
            guard count > 0 else {
                return .success(bytes)
            }
            bytes += buffer[..<count]
            guard bytes.count <= self.sizeLimit else {
                return .failure(Problem(reason: "it is larger than \(self.sizeLimit >> 20) MiB"))
            }
        }
    }

    /// Like ``read(_:)`` for a path that a file names rather than a person: a pipe or a device would be waited for.
    static func readStored(_ path: String) -> Result<[UInt8], Problem> {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return .failure(self.lastProblem)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            return .failure(Problem(reason: "it is no file"))
        }
        return self.read(path)
    }

    private static var lastProblem: Problem {
        Problem(reason: String(cString: strerror(errno)).lowercased(), isMissing: errno == ENOENT)
    }
}

extension TextFile {
    /// The folder a file lies in, as its path names it.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else {
            return "."
        }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
