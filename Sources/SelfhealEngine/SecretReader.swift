// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import RunExecutor
import RunPlan
import RunVocabulary

/// Reads the secrets of a run where its parameters say that they are; they are never written anywhere.
enum SecretReader {
    /// Longest secret: a key file, with much room.
    private static let limit = 64 * 1_024

    /// Every secret of the run.
    ///
    /// - Throws: ``EngineError`` that names each one that is not there, and where it was looked for.
    static func read(_ references: [String: SecretReference]) throws(EngineError) -> SecretBook {
        var values: [String: Secret<String>] = [:]
        var missing: [String] = []
        for (name, reference) in references.sorted(by: { $0.key < $1.key }) {
            switch self.value(of: reference) {
            case .success(let value): values[name] = Secret(value)
            case .failure(let problem): missing.append("'\(name)': \(problem.message)")
            }
        }
        guard missing.isEmpty else {
            throw EngineError("a secret that the run needs is not there: \(missing.joined(separator: "; "))")
        }
        return SecretBook(values)
    }

    private struct Problem: Error {
        let message: String
    }

    private static func value(of reference: SecretReference) -> Result<String, Problem> {
        switch reference {
        case .environment(let name):
            guard let text = getenv(name) else {
                return .failure(Problem(message: "the environment has no variable \(name)"))
            }
            return .success(String(cString: text))
        case .file(let path): return self.contents(of: path)
        }
    }

    /// The file's text without the line break at its end.
    private static func contents(of path: String) -> Result<String, Problem> {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            return .failure(Problem(message: "\(path) cannot be read: \(String(cString: strerror(errno)))"))
        }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: self.limit + 1)
        var count = 0
        while count < bytes.count {
            let more = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(file, buffer.baseAddress?.advanced(by: count), buffer.count - count)
            }
            guard more >= 0 else {
                return .failure(Problem(message: "\(path) cannot be read: \(String(cString: strerror(errno)))"))
            }
            guard more > 0 else {
                break
            }
            count += more
        }
        guard count <= self.limit else {
            return .failure(Problem(message: "\(path) has more than \(self.limit) bytes"))
        }
        var text = String(decoding: bytes[..<count], as: UTF8.self)
        if text.hasSuffix("\n") {
            text.removeLast()
        }
        return .success(text)
    }
}
