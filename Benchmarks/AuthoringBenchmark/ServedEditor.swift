// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LanguageServer
import RunVocabulary

#if canImport(Glibc)
import Glibc
#endif

/// An editor in front of the real `selfheal lsp`, through two pipes.
final class ServedEditor {
    struct Press {
        /// From the message to the last byte of the diagnostics, in milliseconds.
        let wall: Double
        /// What the server's process used of the processors meanwhile.
        let cpu: Double
    }

    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private static let uri = "file:///runbook.yaml"

    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var framing = MessageFraming()
    private var waiting: [[UInt8]] = []
    private var version: Int64 = 0

    init(program: String, text: String) throws {
        self.process.executableURL = URL(filePath: program)
        self.process.arguments = ["lsp", "--stdio"]
        self.process.standardInput = self.input
        self.process.standardOutput = self.output
        try self.process.run()
        try self.send(["jsonrpc": "2.0", "id": 1, "method": "initialize", "params": ["capabilities": [:]]])
        _ = try self.receive { $0["id"] != nil }
        try self.send(["jsonrpc": "2.0", "method": "initialized", "params": [:]])
        let item: JSON = [
            "uri": .string(Self.uri), "languageId": "yaml", "version": 0, "text": .string(text),
        ]
        try self.send(["jsonrpc": "2.0", "method": "textDocument/didOpen", "params": ["textDocument": item]])
        _ = try self.receive(Self.isDiagnostics)
    }

    /// Types one character at the beginning of a line, and waits for what the editor is told.
    func press(_ text: String, line: Int) throws -> Press {
        self.version += 1
        let place: JSON = ["line": .int(Int64(line)), "character": 0]
        let change: JSON = ["range": ["start": place, "end": place], "text": .string(text)]
        let document: JSON = ["uri": .string(Self.uri), "version": .int(self.version)]
        let message: JSON = [
            "jsonrpc": "2.0", "method": "textDocument/didChange",
            "params": ["textDocument": document, "contentChanges": [change]],
        ]
        let version = self.version
        let cpu = try self.cpuMilliseconds()
        let begin = Self.milliseconds(CLOCK_MONOTONIC)
        try self.send(message)
        let told = try self.receive { Self.isDiagnostics($0) && $0["params"]?["version"]?.intValue == version }
        let wall = Self.milliseconds(CLOCK_MONOTONIC) - begin
        guard told["params"]?["diagnostics"]?.arrayValue != nil else {
            throw Problem(description: "the server told no diagnostics")
        }
        return Press(wall: wall, cpu: try self.cpuMilliseconds() - cpu)
    }

    /// Ends the server as an editor does.
    func close() throws {
        try self.send(["jsonrpc": "2.0", "id": 2, "method": "shutdown"])
        _ = try self.receive { $0["id"]?.intValue == 2 }
        try self.send(["jsonrpc": "2.0", "method": "exit"])
        self.process.waitUntilExit()
        guard self.process.terminationStatus == 0 else {
            throw Problem(description: "the server ended with status \(self.process.terminationStatus)")
        }
    }

    // MARK: The wire

    private static func isDiagnostics(_ message: JSON) -> Bool {
        message["method"]?.stringValue == "textDocument/publishDiagnostics"
    }

    private func send(_ message: JSON) throws {
        try self.input.fileHandleForWriting.write(contentsOf: Data(MessageFraming.frame(message)))
    }

    /// The next message of the wanted kind; the others are dropped.
    private func receive(_ isWanted: (JSON) -> Bool) throws -> JSON {
        while true {
            while !self.waiting.isEmpty {
                let message = try JSON(parsing: self.waiting.removeFirst())
                if isWanted(message) {
                    return message
                }
            }
            let bytes = self.output.fileHandleForReading.availableData
            guard !bytes.isEmpty else {
                throw Problem(description: "the server ended before it answered")
            }
            for case .message(let bytes) in self.framing.feed(bytes) {
                self.waiting.append(bytes)
            }
        }
    }

    private func cpuMilliseconds() throws -> Double {
        var clock = clockid_t()
        guard clock_getcpuclockid(self.process.processIdentifier, &clock) == 0 else {
            throw Problem(description: "the server's clock cannot be read")
        }
        return Self.milliseconds(clock)
    }

    private static func milliseconds(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
    }
}
