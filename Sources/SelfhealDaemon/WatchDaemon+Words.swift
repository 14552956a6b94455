// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunPlan
import RunVocabulary

/// What the watch says to those who ask why, and to the log.
extension WatchDaemon {
    func explain(_ machine: WatchMachine, _ runbook: String?) -> String? {
        guard let runbook else {
            let names = machine.watchedRunbooks
            return names.isEmpty
                ? "no runbook is watched" : names.map { self.explain(machine, named: $0) }.joined(separator: "\n")
        }
        return machine.watchedRunbooks.contains(runbook) ? self.explain(machine, named: runbook) : nil
    }

    private func explain(_ machine: WatchMachine, named runbook: String) -> String {
        guard let decision = machine.decision(on: runbook) else {
            return "\(runbook): nothing has been looked at yet" + (machine.outlook(of: runbook).map { "; \($0)" } ?? "")
        }
        let age = self.now.elapsed(since: decision.at).rounded
        let outlook = machine.outlook(of: runbook).map { "; \($0)" } ?? ""
        return "\(runbook): \(decision.kind.rawValue), decided \(age) ago: \(decision.reason)\(outlook)"
    }

    func log(_ note: WatchNote) {
        switch note {
        case .health(let node, let health, let problem):
            let why = problem.isEmpty ? "" : ": \(problem)"
            let level: LogEntry.Level = health == .up ? .info : .warning
            self.log(level, "health", "\(node) \(health.text)\(why)", [JSONMember("node", .string(node.text))])
        case .blind(let unseen, let all):
            self.log(.error, "blind", "\(unseen) of \(all) nodes cannot be seen; nothing is started")
        case .sighted: self.log(.info, "sighted", "more than half of the nodes can be seen again")
        case .missed(let runbook, let text):
            self.log(.warning, "missed", "\(runbook): \(text)", [JSONMember("runbook", .string(runbook))])
        case .flapping(let node, let text):
            self.log(.warning, "flapping", "\(text); it counts as unknown", [JSONMember("node", .string(node.text))])
        case .steady(let node):
            self.log(.info, "steady", "\(node) is steady again", [JSONMember("node", .string(node.text))])
        case .cleared(let run, let what):
            self.log(.info, "cleared", "what run \(run) was started for is over: \(what)", self.about(run.text))
        case .frozen(let freeze): self.log(.warning, "frozen", freeze.text)
        case .thawed(let person): self.log(.warning, "unfrozen", "\(person) lifted the freeze")
        }
    }

    func about(_ run: String) -> [JSONMember] {
        [JSONMember("run", .string(run))]
    }

    func log(_ level: LogEntry.Level, _ event: String, _ message: String, _ subject: [JSONMember] = []) {
        self.surroundings.log(LogEntry(at: self.now, level: level, event: event, message: message, about: subject))
    }
}
