// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
package import RunPlan
import RunVocabulary

/// What a monitor asks, and what its answer says of the node.
extension NodeMonitor {
    /// As much as an expression may cost that is evaluated with every look.
    private static let costLimit = 100_000

    /// What is asked about this node; nothing when a text of it cannot be told from what the inventory has.
    package func question(about node: Node) -> ProbeOrder.Question? {
        let text = { (template: Template) in Self.text(of: template, about: node) }
        switch self.probe {
        case .tcp(let port): return .tcp(port: port)
        case .zookeeper(let ask): return .zookeeper(ask)
        case .kafka(let ask): return .kafka(ask)
        case .tls(let asked): return asked.mapTexts(text).map { .tls($0) }
        case .prometheus(let asked): return asked.mapTexts(text).map { .prometheus($0) }
        case .dns(let asked): return asked.mapTexts(text).map { .dns($0) }
        case .jmx(let asked): return asked.mapTexts(text).map { .jmx($0) }
        case .http(let asked):
            let (url, path) = (asked.url.map(text), asked.path.map(text) ?? "/")
            guard let path, url != .some(nil) else {
                return nil
            }
            return .http(url: url ?? nil, port: asked.port, path: path)
        case .ssh(let command):
            let words = command.compactMap(text)
            return words.count == command.count ? .ssh(words) : nil
        }
    }

    private static func text(of template: Template, about node: Node) -> String? {
        var text = ""
        for part in template.cel.parts {
            switch part {
            case .literal(let literal): text += literal
            case .expression(let interpolation):
                let value = self.evaluate(interpolation.expression, ["target": NodeValue.unobserved(node)])
                guard value.uncertainty == nil else {
                    return nil
                }
                text += value.text
            }
        }
        return text
    }

    private static func evaluate(_ expression: CELExpression, _ variables: [String: CELValue]) -> CELValue {
        do {
            return try expression.evaluate(
                CELActivation(variables),
                hostFunctions: HostFunctions.table,
                costLimit: self.costLimit
            )
        } catch {
            return .unknown(CELUnknown(error.message))
        }
    }

    // MARK: What an answer says

    /// The facts with what follows from them: `serving` and `health`, and `problem` where the node is not up.
    ///
    /// A connection that the node itself refused says that it is down. One that somebody else refused, such as a Prometheus server, says
    /// nothing of the node.
    package func judged(
        _ facts: [String: Fact],
        about node: Node,
        asking question: ProbeOrder.Question
    ) -> [String: Fact] {
        var facts = facts
        let own = facts["serving"]
        facts["serving"] = nil
        facts["health"] = nil
        if facts["answered"] == .bool(false), !question.asks(node) {
            facts["answered"] = nil
        } else if facts["answered"] == .bool(false) || own == .bool(false) {
            facts["serving"] = .bool(false)
        } else if self.healthy != nil {
            self.weigh(&facts, about: node)
        } else {
            facts["serving"] = own ?? Self.serving(by: self.probe, &facts)
        }
        switch facts["serving"] {
        case .bool(true): facts["health"] = .string("up")
        case .bool(false): facts["health"] = .string("down")
        default: break
        }
        return facts
    }

    private func weigh(_ facts: inout [String: Fact], about node: Node) {
        guard let healthy = self.healthy else {
            return
        }
        let target = NodeValue.unobserved(node)
        let type = ResultTypes.result(of: self.probe)
        let result = NodeValue.result(type, of: node.name.text, target, facts: facts)
        switch Self.evaluate(healthy.cel, ["result": result, "target": target]) {
        case .bool(true): facts["serving"] = .bool(true)
        case .bool(false):
            facts["serving"] = .bool(false)
            facts["problem"] = .string("'\(healthy.text)' does not hold\(self.evidence(in: facts))")
        case let value where facts["problem"].isNone:
            let why = value.uncertainty.map { "\($0)" } ?? "it is no condition"
            facts["problem"] = .string("whether '\(healthy.text)' holds cannot be told: \(why)")
        default: break
        }
    }

    /// Most characters of a value that a reason shows.
    private static let valueLength = 80

    /// The values that the condition reads, as far as they fit into a line: ` (status is 503)`.
    private func evidence(in facts: [String: Fact]) -> String {
        var names: [String] = []
        for reference in self.healthy?.cel.referencedPaths ?? [] where reference.root == "result" {
            if reference.path.count > 1, !names.contains(reference.path[1]) {
                names.append(reference.path[1])
            }
        }
        let values = names.compactMap { name in
            facts[name].map { fact in
                let text = fact.text.split(separator: "\n", omittingEmptySubsequences: false).first ?? ""
                let isCut = text.count > Self.valueLength || text.count < fact.text.count
                return "\(name) is \(text.prefix(Self.valueLength))\(isCut ? "…" : "")"
            }
        }
        return values.isEmpty ? "" : " (\(values.joined(separator: ", ")))"
    }

    /// What an answer says by itself, where the configuration says nothing of it.
    private static func serving(by probe: ProbeSpecification, _ facts: inout [String: Fact]) -> Fact? {
        switch probe {
        case .tcp: return facts["open"]
        case .http:
            guard case .int(let status) = facts["status"] else {
                return nil
            }
            if !(200...399).contains(status) {
                facts["problem"] = .string("it answers with status \(status)")
            }
            return .bool((200...399).contains(status))
        // Who speaks TLS lives; whether its certificate is good is for `healthy:` to say.
        case .tls: return facts["answered"]
        case .dns:
            guard case .strings(let addresses) = facts["addresses"] else {
                return nil
            }
            return .bool(!addresses.isEmpty)
        case .ssh:
            guard case .int(let status) = facts["exit_status"] else {
                return nil
            }
            if status != 0 {
                facts["problem"] = .string("the command ended with status \(status)")
            }
            return .bool(status == 0)
        // What these answer says nothing by itself; the checker asks for `healthy:`.
        case .jmx, .prometheus, .zookeeper, .kafka: return nil
        }
    }

    // MARK: Several

    /// What several monitors found out about one node, as one.
    ///
    /// One that says *down* is enough. To be up, none may be silent but the optional ones, and one must say so. `problem` names those that
    /// did not say *up*; of other facts the first monitor that has one is believed.
    package static func merged(_ words: [(monitor: NodeMonitor, facts: [String: Fact])]) -> [String: Fact] {
        guard words.count != 1 else {
            return words[0].facts
        }
        var merged: [String: Fact] = [:]
        for word in words {
            merged.merge(word.facts) { first, _ in first }
        }
        let verdicts = words.map { $0.facts["serving"] }
        let isSilent = words.contains { $0.facts["serving"].isUndecided && !$0.monitor.isOptional }
        if verdicts.contains(.bool(false)) {
            merged["serving"] = .bool(false)
            merged["health"] = .string("down")
        } else if !isSilent, verdicts.contains(.bool(true)) {
            merged["serving"] = .bool(true)
            merged["health"] = .string("up")
        } else {
            merged["serving"] = nil
            merged["health"] = nil
        }
        let answers = words.compactMap { $0.facts["answered"] }
        merged["answered"] = answers.contains(.bool(true)) ? .bool(true) : answers.first
        let problems = words.filter { $0.facts["serving"] != .bool(true) }.map { word in
            let problem = if case .string(let text) = word.facts["problem"], !text.isEmpty { text } else { "no answer" }
            return "\(word.monitor.title): \(problem)"
        }
        merged["problem"] = .string(problems.joined(separator: "; "))
        return merged
    }
}

extension ProbeOrder.Question {
    /// Whether whoever is asked is the node, and not somebody who knows about it.
    func asks(_ node: Node) -> Bool {
        switch self {
        case .tcp, .zookeeper, .kafka, .ssh: true
        case .prometheus, .dns: false
        case .http(let url, _, _): url.map { Self.host(of: $0) == node.host } ?? true
        case .jmx(let question): question.url.map { Self.host(of: $0) == node.host } ?? true
        case .tls(let question): question.address.map { HostAndPort($0)?.host == node.host } ?? true
        }
    }

    private static func host(of url: String) -> String? {
        guard let slashes = url.firstRange(of: "://") else {
            return nil
        }
        let authority = url[slashes.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let place = authority.split(separator: "@").last.map(String.init) ?? ""
        return HostAndPort(place)?.host ?? HostAndPort("\(place):80")?.host
    }
}

extension Fact? {
    fileprivate var isNone: Bool {
        self == nil || self == .string("")
    }

    /// Neither true nor false.
    fileprivate var isUndecided: Bool {
        self != .bool(true) && self != .bool(false)
    }
}
