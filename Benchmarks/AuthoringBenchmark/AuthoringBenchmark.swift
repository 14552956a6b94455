// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import LanguageServer
import RunPlan
import RunVocabulary
import RunbookCompiler
import RunbookEditor
import RunbookLanguage
import RunbookSource
import RunbookYAML

#if canImport(Glibc)
import Glibc
#endif

/// What an author waits for: a check of a whole runbook, and the answer to a key press in an editor.
///
/// `check FILE ROUNDS` and `press FILE ROUNDS` print one JSON line with the median and the worst CPU time in milliseconds, `phases FILE ROUNDS`
/// one with what each phase of a check takes, in microseconds for each step. `stdio FILE ROUNDS SELFHEAL` presses keys in front of the real
/// `selfheal lsp`, through pipes, and prints the time until the editor has the diagnostics, with the CPU time of the server.
@main enum AuthoringBenchmark {
    static func main() throws {
        let words = Array(CommandLine.arguments.dropFirst())
        if words.count == 4, words[0] == "stdio", let rounds = Int(words[2]), rounds > 0 {
            return try self.pressThroughPipe(words[1], rounds, program: words[3])
        }
        guard words.count == 3, let rounds = Int(words[2]), rounds > 0, ["check", "press", "phases"].contains(words[0])
        else {
            print("usage: AuthoringBenchmark check|press|phases FILE ROUNDS | stdio FILE ROUNDS SELFHEAL")
            exit(2)
        }
        let bytes = try Array(Data(contentsOf: URL(filePath: words[1])))
        let steps = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\n  - id: ").count - 1
        guard words[0] != "phases" else {
            return self.phases(bytes, rounds, steps: max(steps, 1))
        }
        var times = words[0] == "check" ? self.check(bytes, rounds) : try self.press(bytes, rounds)
        times.sort()
        print(
            "{\"\(words[0])\": \(steps), \"median_ms\": \(self.text(times[times.count / 2])), "
                + "\"worst_ms\": \(self.text(times[times.count - 1])), "
                + "\"us_step\": \(self.text(times[times.count / 2] * 1_000 / Double(max(steps, 1))))}"
        )
    }

    /// From bytes to diagnostics and plan.
    private static func check(_ bytes: [UInt8], _ rounds: Int) -> [Double] {
        (0..<rounds).map { _ in
            self.milliseconds {
                let diagnostics = CheckedRunbook(YAMLDocument.parse(path: "runbook.yaml", bytes: bytes)).diagnostics
                precondition(!diagnostics.hasErrors, "the runbook is right: \(diagnostics.first?.message ?? "")")
            }
        }
    }

    /// What each phase takes by itself, and what is left of the whole: merging, sorting, and taking everything apart.
    private static func phases(_ bytes: [UInt8], _ rounds: Int, steps: Int) {
        var times: [String: [Double]] = [:]
        for _ in 0..<rounds {
            var document: YAMLDocument?
            let yaml = self.milliseconds { document = YAMLDocument.parse(path: "runbook.yaml", bytes: bytes) }
            guard let root = document?.root else {
                fatalError("the runbook is YAML")
            }
            var syntax: RunbookSyntax?
            let shape = self.milliseconds { syntax = RunbookParser.parse(root).syntax }
            guard let syntax else {
                fatalError("the runbook has a syntax tree")
            }
            var plan: (plan: Plan?, diagnostics: [Diagnostic])?
            let meaning = self.milliseconds { plan = RunbookCompiler.compile(syntax, path: "runbook.yaml") }
            precondition(plan?.plan != nil, "the runbook is right")
            let whole = self.check(bytes, 1)[0]
            let checked = CheckedRunbook(YAMLDocument.parse(path: "runbook.yaml", bytes: bytes))
            let renderer = DiagnosticRenderer(files: [checked.file])
            // Beside the whole: what a person reads of it.
            let shown = self.milliseconds { precondition(renderer.render(checked.diagnostics).utf8.count >= 0) }
            let rest = whole - yaml - shape - meaning
            for (name, time) in [
                ("yaml", yaml), ("syntax", shape), ("plan", meaning), ("rest", rest), ("whole", whole),
                ("shown", shown),
            ] {
                times[name, default: []].append(time)
            }
        }
        let figures = ["yaml", "syntax", "plan", "rest", "whole", "shown"].map { name in
            let sorted = (times[name] ?? []).sorted()
            return "\"\(name)\": \(self.text(sorted[sorted.count / 2] * 1_000 / Double(steps)))"
        }
        print("{\"phases\": \(steps), \(figures.joined(separator: ", "))}")
    }

    /// From the message of an editor to the diagnostics that it is told.
    private static func press(_ bytes: [UInt8], _ rounds: Int) throws -> [Double] {
        let schema = try Data(contentsOf: URL(filePath: "schemas/runbook.schema.json"))
        guard let grammar = RunbookGrammar(schema: Array(schema)) else {
            fatalError("schemas/runbook.schema.json is no schema")
        }
        let languages = EditorLanguages(runbook: grammar)
        var server = LanguageServer(
            LanguageServer.Configuration(version: "1", languages: languages, page: { _ in nil }, read: { _ in nil })
        )
        func send(_ message: JSON) {
            for frame in [MessageFraming.Frame.message(message.bytes)] {
                _ = server.handle(frame)
            }
        }
        let uri = "file:///runbook.yaml"
        send(["jsonrpc": "2.0", "id": 1, "method": "initialize", "params": ["capabilities": [:]]])
        let item: JSON = ["uri": .string(uri), "version": 0, "text": .string(String(decoding: bytes, as: UTF8.self))]
        send(["jsonrpc": "2.0", "method": "textDocument/didOpen", "params": ["textDocument": item]])
        _ = server.tellDiagnostics()
        let lines = bytes.split(separator: 10, omittingEmptySubsequences: false).count
        return (0..<rounds).map { round in
            let place: JSON = ["line": .int(Int64(lines * (round % 7 + 1) / 9)), "character": 0]
            let change: JSON = ["range": ["start": place, "end": place], "text": .string(round % 2 == 0 ? "#" : "\n")]
            let message: JSON = [
                "jsonrpc": "2.0", "method": "textDocument/didChange",
                "params": [
                    "textDocument": ["uri": .string(uri), "version": .int(Int64(round + 1))],
                    "contentChanges": [change],
                ],
            ]
            return self.milliseconds {
                send(message)
                precondition(server.tellDiagnostics().count == 1)
            }
        }
    }

    /// The same through the program's standard input and output.
    private static func pressThroughPipe(_ path: String, _ rounds: Int, program: String) throws {
        let text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
        let steps = text.components(separatedBy: "\n  - id: ").count - 1
        let lines = text.utf8.count(where: { $0 == 10 })
        let editor = try ServedEditor(program: program, text: text)
        let presses = try (0..<rounds).map { round in
            try editor.press(round % 2 == 0 ? "#" : "\n", line: lines * (round % 7 + 1) / 9)
        }
        try editor.close()
        let walls = presses.map(\.wall).sorted()
        let cpus = presses.map(\.cpu).sorted()
        print(
            "{\"stdio\": \(steps), \"median_wall_ms\": \(self.text(walls[rounds / 2])), "
                + "\"worst_wall_ms\": \(self.text(walls[rounds - 1])), "
                + "\"median_cpu_ms\": \(self.text(cpus[rounds / 2])), \"worst_cpu_ms\": \(self.text(cpus[rounds - 1]))}"
        )
    }

    private static func milliseconds(_ body: () -> Void) -> Double {
        let begin = self.cpuMilliseconds
        body()
        return self.cpuMilliseconds - begin
    }

    private static var cpuMilliseconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
    }

    private static func text(_ number: Double) -> String {
        String(format: "%.2f", number)
    }
}
