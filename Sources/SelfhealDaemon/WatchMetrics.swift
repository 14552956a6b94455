// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import Glibc
import RunCore
package import RunPlan
import RunVocabulary
import Synchronization

/// What the daemon counts, in the text format of Prometheus.
///
/// There are as many series as nodes, runbooks and kinds of effects, and nothing that a stranger sends makes a new one.
package final class WatchMetrics: Sendable {
    /// Seconds; a look that takes longer than the last of these has timed out.
    static let bounds = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 3, 10]

    private struct Monitor: Hashable, Comparable {
        let node: String
        let name: String

        static func < (left: Self, right: Self) -> Bool {
            (left.node, left.name) < (right.node, right.name)
        }
    }

    private struct Looks {
        let type: String
        let method: String
        var counts = [Int](repeating: 0, count: WatchMetrics.bounds.count + 1)
        var seconds = 0.0
    }

    private struct Recovery: Hashable, Comparable {
        let node: String
        let action: String

        static func < (left: Self, right: Self) -> Bool {
            (left.node, left.action) < (right.node, right.action)
        }
    }

    private struct State {
        var nodes: [String] = []
        var types: [String: String] = [:]
        /// By node and monitor, in this order.
        var monitors: [Monitor] = []
        var looks: [Monitor: Looks] = [:]
        var health: [String: HealthModel.Health] = [:]
        var attempts: [Recovery: Int] = [:]
        var successes: [Recovery: Int] = [:]
        var runs: [String: [String: Int]] = [:]
        var alerts: [AlertResult: Int] = [:]
        var notices = 0
        var closings = 0
        var flapping: Set<String> = []
    }

    enum AlertResult: String, CaseIterable {
        case accepted
        /// The same was accepted before.
        case repeated
        /// No runbook waits for it.
        case unwatched
        case resolved
        /// Not taken: wrong, unsigned, or too many.
        case refused
    }

    private let state = Mutex(State())

    package init(inventory: Inventory) {
        self.watch(inventory)
    }

    /// From now on, of these nodes; of those that stay the counts go on.
    func watch(_ inventory: Inventory) {
        let watched = inventory.nodes.filter { !$0.allMonitors.isEmpty }
        self.state.withLock { state in
            var looks: [Monitor: Looks] = [:]
            for node in watched {
                for monitor in node.allMonitors {
                    let key = Monitor(node: node.name.text, name: monitor.name)
                    let new = Looks(type: node.roles.first ?? "node", method: monitor.title)
                    let old = state.looks[key]
                    looks[key] = old?.type == new.type && old?.method == new.method ? old : new
                }
            }
            state.looks = looks
            state.monitors = looks.keys.sorted()
            state.nodes = watched.map(\.name.text).sorted()
            let types = watched.map { ($0.name.text, $0.roles.first ?? "node") }
            state.types = Dictionary(types) { first, _ in first }
            state.health = state.health.filter { state.types[$0.key] != nil }
        }
    }

    // MARK: Counting

    func looked(at node: NodeName, by monitor: String, for seconds: Double) {
        let key = Monitor(node: node.text, name: monitor)
        self.state.withLock { state in
            let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
            state.looks[key]?.counts[bucket] += 1
            state.looks[key]?.seconds += seconds
        }
    }

    func isNow(_ node: NodeName, _ health: HealthModel.Health) {
        self.state.withLock { state in
            if state.types[node.text] != nil {
                state.health[node.text] = health
            }
        }
    }

    func attempted(_ effect: EffectClass, on node: NodeName?) {
        self.state.withLock {
            $0.attempts[Recovery(node: node?.text ?? "engine", action: effect.rawValue), default: 0] += 1
        }
    }

    func succeeded(_ effect: EffectClass, on node: NodeName?) {
        self.state.withLock {
            $0.successes[Recovery(node: node?.text ?? "engine", action: effect.rawValue), default: 0] += 1
        }
    }

    func ended(_ runbook: String, _ outcome: RunOutcome?) {
        self.state.withLock { $0.runs[runbook, default: [:]][outcome?.rawValue ?? "stopped", default: 0] += 1 }
    }

    func alerts(_ result: AlertResult, _ count: Int = 1) {
        self.state.withLock { $0.alerts[result, default: 0] += count }
    }

    func noted(_ note: WatchNote) {
        self.state.withLock { state in
            switch note {
            case .flapping(let node, _): state.flapping.insert(node.text)
            case .steady(let node): state.flapping.remove(node.text)
            default: break
            }
        }
    }

    func closed() {
        self.state.withLock { $0.closings += 1 }
    }

    func told() {
        self.state.withLock { $0.notices += 1 }
    }

    // MARK: Showing

    /// What is true at this moment, besides what was counted.
    struct Moment {
        var waitingAlerts: Int
        var isFrozen: Bool
        /// Seconds since 1970 at which the watch last made progress.
        var heartbeat: Double
        /// Seconds since 1970 at which every node had been looked at once more; nothing before the first time.
        var lastRound: Double?
    }

    func text(_ moment: Moment) -> String {
        let state = self.state.withLock { $0 }
        var page = Page()
        page.begin("kafka_healing_health_checks_total", "counter", "Looks at a node that were answered.")
        for monitor in state.monitors {
            if let looks = state.looks[monitor] {
                let labels = [("node_id", monitor.node), ("node_type", looks.type), ("method", looks.method)]
                page.sample("kafka_healing_health_checks_total", labels, Double(looks.counts.reduce(0, +)))
            }
        }
        page.begin("kafka_healing_health_check_duration_seconds", "histogram", "How long a look at a node took.")
        for monitor in state.monitors {
            if let looks = state.looks[monitor] {
                Self.histogram(looks, [("node_id", monitor.node), ("method", looks.method)], &page)
            }
        }
        page.begin(
            "kafka_healing_node_health_status",
            "gauge",
            "1: the node is up; 0: it is down; -1: it cannot be seen."
        )
        for node in state.nodes {
            if let health = state.health[node], let type = state.types[node] {
                let value: Double = health == .up ? 1 : health == .down ? 0 : -1
                page.sample(
                    "kafka_healing_node_health_status",
                    [("node_id", node), ("node_type", type)],
                    value
                )
            }
        }
        page.begin("selfheal_node_flapping", "gauge", "1: the node changes too often to be believed.")
        for node in state.nodes {
            page.sample("selfheal_node_flapping", [("node_id", node)], state.flapping.contains(node) ? 1 : 0)
        }
        Self.recoveries(
            "kafka_healing_recovery_attempts_total",
            "Commands begun that change the world.",
            state.attempts,
            &page
        )
        Self.recoveries(
            "kafka_healing_recovery_success_total",
            "Of these, those that ended well.",
            state.successes,
            &page
        )
        page.one(
            "kafka_healing_active_monitors",
            "gauge",
            "Ways in which nodes are looked at.",
            Double(state.monitors.count)
        )
        page.one("kafka_healing_memory_usage_bytes", "gauge", "Memory that the daemon holds.", Self.memory())
        Self.others(state, moment, &page)
        return page.text
    }

    private static func others(_ state: State, _ moment: Moment, _ page: inout Page) {
        page.begin("selfheal_runs_total", "counter", "Runs that ended, by how.")
        for (runbook, outcomes) in state.runs.sorted(by: { $0.key < $1.key }) {
            for (outcome, count) in outcomes.sorted(by: { $0.key < $1.key }) {
                page.sample("selfheal_runs_total", [("runbook", runbook), ("outcome", outcome)], Double(count))
            }
        }
        page.begin("selfheal_alerts_total", "counter", "Alerts and webhooks, by what became of them at the door.")
        for result in AlertResult.allCases {
            page.sample("selfheal_alerts_total", [("result", result.rawValue)], Double(state.alerts[result] ?? 0))
        }
        page.one("selfheal_alerts_waiting", "gauge", "Alerts that nobody has acted upon.", Double(moment.waitingAlerts))
        page.one(
            "selfheal_notices_total",
            "counter",
            "Messages to people about what the watch decides.",
            Double(state.notices)
        )
        page.one(
            "selfheal_listener_closings_total",
            "counter",
            "How often the port closed by itself; it is opened again.",
            Double(state.closings)
        )
        page.one("selfheal_frozen", "gauge", "1 while nothing may start or change the world.", moment.isFrozen ? 1 : 0)
        page.one(
            "selfheal_heartbeat_timestamp_seconds",
            "gauge",
            "When the watch last made progress; if it falls behind, nobody watches.",
            moment.heartbeat
        )
        if let round = moment.lastRound {
            page.one(
                "selfheal_round_timestamp_seconds",
                "gauge",
                "When every node had been looked at once more.",
                round
            )
        }
    }

    private static func histogram(_ looks: Looks, _ labels: [(String, String)], _ page: inout Page) {
        let name = "kafka_healing_health_check_duration_seconds"
        var sum = 0
        for (bound, count) in zip(self.bounds.map { Page.number($0) } + ["+Inf"], looks.counts) {
            sum += count
            page.sample("\(name)_bucket", labels + [("le", bound)], Double(sum))
        }
        page.sample("\(name)_sum", labels, looks.seconds)
        page.sample("\(name)_count", labels, Double(sum))
    }

    private static func recoveries(_ name: String, _ help: String, _ counts: [Recovery: Int], _ page: inout Page) {
        page.begin(name, "counter", help)
        for (key, count) in counts.sorted(by: { $0.key < $1.key }) {
            page.sample(name, [("node_id", key.node), ("action_type", key.action)], Double(count))
        }
    }

    private static func memory() -> Double {
        // The second number is the resident pages.
        guard let file = fopen("/proc/self/statm", "re") else {
            return 0
        }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else {
            return 0
        }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let words = text.split(separator: " ")
        return words.count > 1 ? (Double(words[1]) ?? 0) * Double(sysconf(Int32(_SC_PAGESIZE))) : 0
    }
}

/// A page of Prometheus' text format.
private struct Page {
    private(set) var text = ""

    mutating func begin(_ name: String, _ type: String, _ help: String) {
        self.text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: Double) {
        self.text += name
        if !labels.isEmpty {
            self.text += "{"
            for (index, label) in labels.enumerated() {
                self.text += "\(index == 0 ? "" : ",")\(label.0)=\"\(Self.escaped(label.1))\""
            }
            self.text += "}"
        }
        self.text += " \(Self.number(value))\n"
    }

    mutating func one(_ name: String, _ type: String, _ help: String, _ value: Double) {
        self.begin(name, type, help)
        self.sample(name, [], value)
    }

    static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }

    private static func escaped(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 == 92 || $0 == 34 || $0 == 10 }) else {
            return text
        }
        return text.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
    }
}
