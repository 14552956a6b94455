// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import Testing

/// The program as a user has it: a process with arguments, two streams and an exit status.
enum Selfheal {
    /// How long anything may take here; only a failing test waits for it.
    static let patience = Duration.seconds(180)

    /// Beside the test bundle, where the same build put it.
    static let path: String = {
        let bundle = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appendingPathComponent("selfheal").path
    }()

    static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../..").standardizedFileURL.path

    struct Outcome: CustomStringConvertible {
        let status: Int32
        let output: String
        let complaint: String

        var description: String { "exit \(self.status)\n\(self.output)\n\(self.complaint)" }
    }

    static func run(_ words: String..., input: String? = nil) async throws -> Outcome {
        try await self.run(words, input: input)
    }

    static func run(
        _ words: [String],
        environment: [String: String] = [:],
        input: String? = nil
    ) async throws -> Outcome {
        let life = try Running(words, environment: environment)
        return try await life.end()
    }

    /// A file of its own for one test.
    static func write(_ text: String, _ name: String, in folder: String) throws -> String {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = "\(folder)/\(name)"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }
}

/// A process of the program that is under way.
final class Running: Sendable {
    private struct State {
        var output = ""
        var complaint = ""
        var openStreams = 2
        var status: Int32?
        var watchers: [CheckedContinuation<Void, Never>] = []
    }

    struct TookTooLong: Error, CustomStringConvertible {
        let description: String
    }

    private let process = Process()
    private let state = Mutex(State())

    init(_ words: [String], program: String = Selfheal.path, environment: [String: String] = [:]) throws {
        self.process.executableURL = URL(fileURLWithPath: program)
        self.process.arguments = words
        self.process.currentDirectoryURL = URL(fileURLWithPath: Selfheal.repository)
        self.process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            .merging(["NO_COLOR": "1"]) { $1 }
        self.process.standardInput = FileHandle.nullDevice
        let (output, complaint) = (Pipe(), Pipe())
        self.process.standardOutput = output
        self.process.standardError = complaint
        self.process.terminationHandler = { [weak self] process in
            self?.change {
                $0.status = process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
            }
        }
        try self.process.run()
        self.read(output) { $0.output += $1 }
        self.read(complaint) { $0.complaint += $1 }
    }

    private func read(_ pipe: Pipe, _ add: @escaping @Sendable (inout State, String) -> Void) {
        Thread.detachNewThread { [self] in
            while true {
                let bytes = pipe.fileHandleForReading.availableData
                guard !bytes.isEmpty else {
                    break
                }
                self.change { add(&$0, String(decoding: bytes, as: UTF8.self)) }
            }
            self.change { $0.openStreams -= 1 }
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let watchers = self.state.withLock { state in
            body(&state)
            defer { state.watchers = [] }
            return state.watchers
        }
        for watcher in watchers {
            watcher.resume()
        }
    }

    var pid: Int32 { self.process.processIdentifier }
    var output: String { self.state.withLock(\.output) }
    var complaint: String { self.state.withLock(\.complaint) }

    func signal(_ number: Int32) {
        kill(self.pid, number)
    }

    /// Waits until it has said this on standard error.
    func says(_ text: String, times: Int = 1) async throws {
        try await self.wait("say '\(text)'") { state in
            state.complaint.components(separatedBy: text).count > times
        }
    }

    /// Waits until it has written this to standard output.
    func writes(_ text: String, times: Int = 1) async throws {
        try await self.wait("write '\(text)'") { state in
            times == 1 ? state.output.contains(text) : state.output.components(separatedBy: text).count > times
        }
    }

    /// Waits until it is over.
    func end() async throws -> Selfheal.Outcome {
        try await self.wait("end") { $0.status != nil && $0.openStreams == 0 }
        return self.state.withLock { state in
            Selfheal.Outcome(status: state.status ?? -1, output: state.output, complaint: state.complaint)
        }
    }

    private func wait(_ what: String, until isThere: @escaping @Sendable (borrowing State) -> Bool) async throws {
        let alarm = Task {
            try await Task.sleep(for: Selfheal.patience)
            self.change { _ in }
        }
        defer { alarm.cancel() }
        let end = ContinuousClock.now + Selfheal.patience
        while true {
            // In one look: it may come true between two.
            let now = self.state.withLock { state in
                (isThere: isThere(state), isOver: state.status != nil && state.openStreams == 0)
            }
            guard !now.isThere else {
                return
            }
            guard ContinuousClock.now < end, !now.isOver else {
                self.signal(SIGKILL)
                throw TookTooLong(description: "selfheal did not \(what):\n\(self.output)\n\(self.complaint)")
            }
            await withCheckedContinuation { continuation in
                let isNow = self.state.withLock { state in
                    guard !isThere(state), !(state.status != nil && state.openStreams == 0) else {
                        return true
                    }
                    state.watchers.append(continuation)
                    return false
                }
                if isNow {
                    continuation.resume()
                }
            }
        }
    }
}
