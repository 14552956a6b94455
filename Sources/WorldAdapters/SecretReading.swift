// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunPlan
import RunVocabulary

/// Fetches a secret at the moment it is needed; nothing keeps it longer.
enum SecretReading {
    struct Problem: Error {
        let message: String
    }

    private static let byteLimit = 4_096

    static func read(_ source: SecretSource) throws(Problem) -> Secret<String> {
        switch source {
        case .variable(let name):
            guard let value = self.variable(name) else {
                throw Problem(message: "the environment has no variable '\(name)'")
            }
            return Secret(value)
        case .file(let path):
            return try self.file(path)
        }
    }

    static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// The first line of a file that nobody else may read.
    private static func file(_ path: String) throws(Problem) -> Secret<String> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            throw Problem(message: "the file '\(path)' cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Problem(message: "'\(path)' is not a file")
        }
        let isExposed = status.st_uid == geteuid() ? status.st_mode & 0o077 != 0 : status.st_mode & 0o007 != 0
        guard !isExposed else {
            throw Problem(message: "the file '\(path)' may be read by others; run 'chmod 600 \(path)'")
        }
        var bytes = [UInt8](repeating: 0, count: Self.byteLimit)
        let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else {
            throw Problem(message: "the file '\(path)' cannot be read: \(String(cString: strerror(errno)))")
        }
        let line = bytes.prefix(count).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        return Secret(String(decoding: line, as: UTF8.self))
    }
}
