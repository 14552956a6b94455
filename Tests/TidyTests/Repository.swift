// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The files of this repository, as text.
enum Repository {
    struct File: Sendable {
        /// From the root of the repository.
        let path: String
        let text: String

        /// Counted from one.
        var lines: [(number: Int, text: Substring)] {
            self.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map {
                ($0.offset + 1, $0.element)
            }
        }

        func number(of index: String.Index) -> Int {
            self.text[..<index].count { $0 == "\n" } + 1
        }
    }

    private static let root = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Folders whose files are not ours, or not text.
    private static let passedOver: Set<String> = [".build", ".git", ".swiftpm", "build", "dist", "node_modules"]

    /// The Swift files below a folder, in the order of their paths.
    static func swiftFiles(under folder: String) throws -> [File] {
        try self.paths(under: folder).filter { $0.hasSuffix(".swift") }.map { try self.file($0) }
    }

    /// All files that are text.
    static func textFiles() throws -> [File] {
        try self.paths(under: "").compactMap { path in
            let data = try Data(contentsOf: self.root.appending(path: path))
            return String(data: data, encoding: .utf8).map { File(path: path, text: $0) }
        }
    }

    static func file(_ path: String) throws -> File {
        File(path: path, text: try String(contentsOf: self.root.appending(path: path), encoding: .utf8))
    }

    static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: self.root.appending(path: folder).path()).sorted()
    }

    static func paths(under folder: String) throws -> [String] {
        var paths: [String] = []
        // Release builds, fuzzers' and others have folders of their own: `.build-release`.
        for name in try self.names(in: folder) where !self.passedOver.contains(name) && !name.hasPrefix(".build-") {
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            let attributes = try FileManager.default.attributesOfItem(atPath: self.root.appending(path: path).path())
            switch attributes[.type] as? FileAttributeType {
            case .typeDirectory: paths += try self.paths(under: path)
            case .typeRegular: paths.append(path)
            default: break
            }
        }
        return paths
    }
}
