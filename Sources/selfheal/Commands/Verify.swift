// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import RunCore
import RunPlan
import RunVerifier
import RunVocabulary

struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prove a runbook's properties on every path, before it runs.",
        discussion: """
            Every state that the runbook can reach in a pretend world is explored, with the machine that carries runs out. No host is \
            reached. What is found holds within the assumptions that the report states, for clusters of the sizes it states.

            Exit status: 0 when everything is proved within the bounds; 1 when something is violated, or the search reached its limit \
            before it could tell; 2 when asked wrongly.
            """
    )

    @Argument(help: "The runbook's file.")
    var file: String

    @Option(
        parsing: .unconditional,
        help:
            "How many faults: nodes that die, lose data, are cut off or come back; commands that fail, hang or end unheard. 1 unless the runbook's 'assume' says another number."
    )
    var faults: Int?

    @Option(
        parsing: .unconditional,
        help: "How many answers of probes are wrong or do not come; 1 unless 'assume' says another number."
    )
    var lies: Int?

    @Option(parsing: .unconditional, help: "How many times the engine dies; 1 unless 'assume' says another number.")
    var crashes: Int?

    @Option(
        parsing: .unconditional,
        help: "How many times a person cancels the run; 0 unless 'assume' says another number."
    )
    var cancels: Int?

    @Option(help: "What people say at gates, such as granted,denied,expired; all of them unless 'assume' says less.")
    var approvals: String?

    @Option(help: "How many nodes a selection has, as selection=number; may be given several times.")
    var nodes: [String] = []

    @Option(
        help: "How nodes may be when the run begins, as selection=up,down,behind,lost,cut; may be given several times."
    )
    var begin: [String] = []

    @Option(name: .customLong("param"), help: "A parameter of the run, as name=value; may be given several times.")
    var parameters: [String] = []

    @Option(name: .customLong("setting"), help: "A setting of the site, as name=value; may be given several times.")
    var settings: [String] = []

    @Option(parsing: .unconditional, help: "How many states may be explored, on each core.")
    var maxStates = 4_000_000

    @Option(parsing: .unconditional, help: "How much memory the search may take, in megabytes.")
    var memory = 4_096

    @Option(help: "A file for a Mermaid drawing of the first violation.")
    var graph: String?

    @Option(help: "How it is printed.")
    var format = OutputFormat.text

    func run() async throws {
        let plan = try SettingValues.settle(RunbookFile.loadOrExit(self.file), self.settings)
        let values = try ParameterValues.read(self.parameters, for: plan)
        let inventory = PretendInventory.make(for: plan, parameters: values, counts: try self.counts(plan))
        let assumptions = try self.assumptions(plan)
        let verification: Verification
        do {
            verification = try Verification(
                plan,
                parameters: values,
                inventory: inventory,
                assumptions: assumptions
            )
        } catch {
            Terminal.say("\(error.message)\nhelp: \(error.help)")
            throw ExitCode.askedWrongly
        }
        let clock = ContinuousClock()
        let began = clock.now
        let exploration = await Self.explore(verification, parts: Self.cores, megabytes: self.memory)
        let report = VerificationReport(verification, exploration)
        switch self.format {
        case .text: Terminal.output(report.text(of: plan, took: clock.now - began))
        case .json: Terminal.output(report.json(of: plan, took: clock.now - began).prettyText)
        }
        try self.draw(report, plan)
        guard report.isProved else {
            throw ExitCode.answerIsNo
        }
    }

    private static var cores: Int {
        max(1, min(sysconf(Int32(_SC_NPROCESSORS_ONLN)), 8))
    }

    /// The beginnings are shared out among the cores.
    private static func explore(_ verification: Verification, parts: Int, megabytes: Int) async -> Exploration {
        let parts = max(1, min(parts, verification.beginnings))
        return await withTaskGroup(of: (Int, Exploration).self) { group in
            for part in 0..<parts {
                group.addTask {
                    (part, verification.explore(part: part, of: parts) { Self.residentMegabytes < megabytes })
                }
            }
            var found: [(Int, Exploration)] = []
            for await part in group {
                found.append(part)
            }
            found.sort { $0.0 < $1.0 }
            var whole = found[0].1
            for (_, part) in found.dropFirst() {
                whole.join(part)
            }
            return whole
        }
    }

    /// What this process holds in memory; zero where the system does not tell.
    private static var residentMegabytes: Int {
        guard let file = fopen("/proc/self/statm", "r") else {
            return 0
        }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else {
            return 0
        }
        let words = line.prefix { $0 != 0 }.split(separator: CChar(UInt8(ascii: " ")))
        let pages = words.dropFirst().first.flatMap {
            Int(String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self))
        }
        return (pages ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) >> 20
    }

    // MARK: What was asked

    private func counts(_ plan: Plan) throws -> [String: Int] {
        var counts = plan.assumptions?.nodes ?? [:]
        for text in self.nodes {
            let (name, value) = try self.pair(text, "--nodes", plan)
            guard let number = Int(value), (1...16).contains(number) else {
                try self.refuse("'\(value)' is no number of nodes from 1 to 16")
            }
            counts[name] = number
        }
        return counts
    }

    private func assumptions(_ plan: Plan) throws -> Assumptions {
        var assumptions = Assumptions(plan.assumptions)
        assumptions.faults = try self.number(self.faults, "--faults") ?? assumptions.faults
        assumptions.lies = try self.number(self.lies, "--lies") ?? assumptions.lies
        assumptions.crashes = try self.number(self.crashes, "--crashes") ?? assumptions.crashes
        assumptions.cancels = try self.number(self.cancels, "--cancels") ?? assumptions.cancels
        if let text = self.approvals {
            assumptions.approvals = Set(
                try text.split(separator: ",").map { word in
                    guard let answer = ApprovalAnswer(rawValue: String(word)) else {
                        let known = ApprovalAnswer.allCases.map(\.rawValue).joined(separator: ", ")
                        try self.refuse("'\(word)' is none of \(known)")
                    }
                    return answer
                }
            )
            guard !assumptions.approvals.isEmpty else {
                try self.refuse("'--approvals' must name at least one answer")
            }
        }
        guard self.memory > 0 else {
            try self.refuse("'--memory' must be above zero")
        }
        guard self.maxStates > 0 else {
            try self.refuse("'--max-states' must be above zero")
        }
        assumptions.stateLimit = self.maxStates
        for text in self.begin {
            let (name, value) = try self.pair(text, "--begin", plan)
            assumptions.begin[name] = try value.split(separator: ",").map { word in
                guard let beginning = Assumptions.Beginning(rawValue: String(word)) else {
                    let known = Assumptions.Beginning.allCases.map(\.rawValue).joined(separator: ", ")
                    try self.refuse("'\(word)' is none of \(known)")
                }
                return beginning
            }
        }
        return assumptions
    }

    private func number(_ number: Int?, _ option: String) throws -> Int? {
        guard let number, !(0...Int(Luck.limit)).contains(number) else {
            return number
        }
        try self.refuse("'\(option) \(number)' is no number from 0 to \(Luck.limit)")
    }

    private func pair(_ text: String, _ option: String, _ plan: Plan) throws -> (name: String, value: String) {
        guard let equals = text.firstIndex(of: "="), text.index(after: equals) != text.endIndex else {
            try self.refuse("'\(option) \(text)' is no selection=value")
        }
        let name = String(text[..<equals])
        guard plan.selection(named: name) != nil else {
            let known = plan.selections.map(\.name).joined(separator: ", ")
            try self.refuse("'\(plan.runbook)' has no selection '\(name)'; it has \(known.isEmpty ? "none" : known)")
        }
        return (name, String(text[text.index(after: equals)...]))
    }

    private func refuse(_ text: String) throws -> Never {
        Terminal.say(text)
        throw ExitCode.askedWrongly
    }

    // MARK: The drawing

    private func draw(_ report: VerificationReport, _ plan: Plan) throws {
        guard let graph = self.graph else {
            return
        }
        guard let trace = report.firstTrace else {
            Terminal.say("no violation has a trace: '\(graph)' is not written")
            return
        }
        let text = MermaidDrawing(of: PlanDrawing(of: plan)).text + "\n" + trace.mermaidClasses + "\n"
        guard let file = fopen(graph, "w") else {
            Terminal.say("'\(graph)' cannot be written")
            throw ExitCode.weFailed
        }
        defer { fclose(file) }
        fputs(text, file)
    }
}
