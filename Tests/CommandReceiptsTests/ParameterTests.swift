// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Foundation
import TestSupport
import Testing

/// Generated values arrive byte for byte, through every shell that targets have.
///
/// Ten thousand for each shell, a hundred thousand with `SELFHEAL_TORTURE` set; many travel in one program, as words of its
/// command, and a few as variables and input.
@Suite struct ParameterTests {
    static let count = ProcessInfo.processInfo.environment["SELFHEAL_TORTURE"] == nil ? 10_000 : 100_000
    private static let pieces = [
        "'", "\"", "\\", "$", "`", "$(id)", "${IFS}", ";", "&&", "|", "\n", "\r", "\t", " ", "-", "--", "-n", "-rf",
        "~",
        "*", "?", "[a]", "{a,b}", "!", "#", "%", "%s", "%n", "=", "<", ">", "(", ")", "\\n", "\\0", "é", "日本", "🚑",
        "\u{202E}", "\u{7F}", "'\\''", "EOF", "$'\\x41'", "\\c", "--help", "/", ".",
    ]

    /// Every byte but NUL, shell syntax, leading dashes, text of several bytes, and bytes that are no text.
    private static func value(_ generator: inout TestSupport.SeededGenerator) -> [UInt8] {
        let length = Int.random(in: 0..<12, using: &generator)
        var bytes: [UInt8] = Int.random(in: 0..<4, using: &generator) == 0 ? [UInt8(ascii: "-")] : []
        for _ in 0..<length {
            if Bool.random(using: &generator) {
                bytes += pieces[Int.random(in: 0..<self.pieces.count, using: &generator)].utf8
            } else {
                bytes.append(UInt8.random(in: 1...255, using: &generator))
            }
        }
        return bytes
    }

    @Test(arguments: ["sh", "dash", "bash", "busybox sh"])
    func `generated words arrive byte for byte`(shell: String) throws {
        var generator = TestSupport.SeededGenerator(seed: 20_261_121)
        let batch = 2_000
        for _ in 0..<(Self.count / batch) {
            let values = (0..<batch).map { _ in Self.value(&generator) }
            let script = try PlainProgram.script(
                ["sh", "-c", "printf '%s\\0' \"$@\"; printf '%s\\0' \"$LAST\"; exec cat", "sh"]
                    + values.map { ShellWord(bytes: $0) },
                environment: [ReceiptCommand.Variable(name: "LAST", value: ShellWord(bytes: values[0]))],
                standardInput: values[1] + [0] + values[2]
            )
            let output = try Self.run(script, through: shell)
            let expected = values + [values[0]]
            #expect(output == Array(expected.map { $0 + [0] }.joined()) + values[1] + [0] + values[2])
        }
    }

    private static func run(_ script: RemoteScript, through shell: String) throws -> [UInt8] {
        let folder = FileManager.default.temporaryDirectory.appending(path: "selfheal-words-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // The shell in question is the login's, and the one that reads the program.
        let words = shell.split(separator: " ").map(String.init)
        let link = folder.appending(path: "sh")
        let program = try #require(
            ["/bin", "/usr/bin"].map { "\($0)/\(words[0])" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        )
        try FileManager.default.createSymbolicLink(atPath: link.path, withDestinationPath: program)
        let input = folder.appending(path: "in")
        let output = folder.appending(path: "out")
        try Data(script.standardInput).write(to: input)
        let line =
            "PATH=\(folder.path):/usr/bin:/bin; export PATH; \(script.commandLine) <\(input.path) >\(output.path)"
        let status = system(line)
        #expect(status == 0)
        return Array(try Data(contentsOf: output))
    }
}
