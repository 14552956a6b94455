// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A model in Promela, explored by spin.
///
/// The models of these tests are one process of guarded commands, each in a `d_step`, so that a state is a valuation of the variables and
/// nothing else.
struct SpinModel {
    struct Result: Equatable {
        var states: Int
        /// Whether an assertion failed.
        var isViolated: Bool
    }

    struct Trouble: Error, CustomStringConvertible {
        let description: String
    }

    let promela: String

    func explore() async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "spin-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try self.promela.write(to: folder.appending(path: "model.pml"), atomically: true, encoding: .utf8)
        // Without -o2 it leaves out variables that nothing reads.
        _ = try await Self.run(["spin", "-o2", "-a", "model.pml"], in: folder)
        // Every state, no reduction; the search goes on behind a violation.
        let options = ["-O0", "-w", "-DSAFETY", "-DNOREDUCE", "-o", "pan", "pan.c"]
        _ = try await Self.run(["gcc"] + options, in: folder)
        let text = try await Self.run(["./pan", "-m100000", "-c0"], in: folder)
        guard let states = text.firstMatch(of: /([0-9]+) states, stored/).flatMap({ Int($0.1) }),
            let errors = text.firstMatch(of: /errors: ([0-9]+)/).flatMap({ Int($0.1) })
        else {
            throw Trouble(description: "spin did not say what it found: \(text)")
        }
        return Result(states: states, isViolated: errors > 0)
    }

    private static func run(_ words: [String], in folder: URL) async throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words
        process.currentDirectoryURL = folder
        let output = folder.appending(path: "output-\(words[0].replacing("/", with: "-"))")
        FileManager.default.createFile(atPath: output.path(), contents: nil)
        let handle = try FileHandle(forWritingTo: output)
        process.standardOutput = handle
        process.standardError = handle
        process.standardInput = FileHandle.nullDevice
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            process.terminationHandler = { _ in continuation.resume() }
            do {
                try process.run()
            } catch {
                continuation.resume(throwing: error)
            }
        }
        try handle.close()
        let text = try String(contentsOf: output, encoding: .utf8)
        guard process.terminationStatus == 0 else {
            throw Trouble(description: "\(words) ended with \(process.terminationStatus): \(text)")
        }
        return text
    }
}
