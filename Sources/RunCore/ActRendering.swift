// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Turns what a runbook says into the command for one target.
package enum ActRendering {
    case command(Act.Command, summary: String)
    case refused(String)

    static func render(_ action: PlanAction, on target: NodeName?, _ context: RunContext) -> ActRendering {
        switch action {
        case .run(let action): self.render(action, on: target, context)
        case .request(let action): self.render(action, context)
        case .probe, .wait, .approve, .notify, .choose, .forEach, .parallel, .call, .set, .pause, .finish:
            .refused("'\(action.verb)' is no act")
        }
    }

    static func render(_ action: RequestAction, _ context: RunContext) -> ActRendering {
        guard let url = context.exactText(of: action.url) else {
            return .refused("the address cannot be told")
        }
        var headers: [Act.Variable] = []
        for header in action.headers {
            guard let variable = context.variable(header.name, header.value) else {
                return .refused("the header '\(header.name)' cannot be told")
            }
            headers.append(variable)
        }
        var body: Act.Variable?
        if let template = action.body {
            guard let variable = context.variable("body", template) else {
                return .refused("the body cannot be told")
            }
            body = variable
        }
        let request = Act.Request(
            method: action.method,
            url: url,
            headers: headers,
            body: body,
            expected: action.expected
        )
        return .command(.request(request), summary: "\(action.method) \(url)")
    }

    static func render(_ action: RunAction, on target: NodeName?, _ context: RunContext) -> ActRendering {
        let extra = target.map { ["target": NodeValue.value(of: $0, in: context)] } ?? [:]
        switch action.command {
        case .service(let name, let verb):
            guard let target, let node = context.binding.inventory[target] else {
                return .refused("'service' needs a target of the inventory")
            }
            guard let command = context.binding.inventory.command(of: name, verb, on: node) else {
                return .refused("the inventory has no command to \(verb.rawValue) '\(name)' on \(target)")
            }
            return .command(.arguments(command), summary: "\(verb.rawValue) \(name)")
        case .command(let templates):
            let words = templates.compactMap { context.exactText(of: $0, with: extra) }
            guard words.count == templates.count else {
                return .refused("a value in the command cannot be told")
            }
            return .command(.arguments(words), summary: words.joined(separator: " "))
        case .script(let text, let templates):
            var environment: [Act.Variable] = []
            for template in templates {
                guard let variable = context.variable(template.name, template.value, with: extra) else {
                    return .refused("the value of '\(template.name)' cannot be told")
                }
                environment.append(variable)
            }
            return .command(.script(text: text, environment: environment), summary: "script")
        }
    }
}

extension RunContext {
    /// A value that is sent, with the secrets in it left out; nothing when it cannot be told.
    func variable(_ name: String, _ template: Template, with extra: [String: CELValue] = [:]) -> Act.Variable? {
        var pieces: [Act.Variable.Piece] = []
        var shown = ""
        var hasSecret = false
        for part in template.cel.parts {
            switch part {
            case .literal(let literal):
                pieces.append(.literal(literal))
                shown += literal
            case .expression(let interpolation):
                if let secret = self.secret(interpolation.expression) {
                    hasSecret = true
                    pieces.append(.secret(name: secret))
                    shown += "<secret>"
                    continue
                }
                let value = self.evaluate(interpolation.expression, with: extra)
                guard value.uncertainty == nil else {
                    return nil
                }
                pieces.append(.literal(value.text))
                shown += value.text
            }
        }
        return Act.Variable(name: name, value: shown, pieces: hasSecret ? pieces : [])
    }

    /// The run's own secret parameter that an expression names, if that is what it does and all that it does.
    func secret(_ expression: CELExpression) -> String? {
        guard let name = expression.secretParameter else {
            return nil
        }
        if let frame = self.frame {
            return frame.secrets[name]
        }
        return self.plan.parameters.contains { $0.name == name && $0.kind == .secret } ? name : nil
    }
}

extension CELExpression {
    /// `NAME` of `parameters.NAME`.
    var secretParameter: String? {
        let paths = self.referencedPaths
        guard paths.count == 1, paths[0].path.count == 2, paths[0].root == "parameters" else {
            return nil
        }
        let text = self.text.filter { !$0.isWhitespace }
        return text == "parameters.\(paths[0].path[1])" ? paths[0].path[1] : nil
    }
}

extension Act {
    /// Whether an exit status, or the status of an answer, means that it was done.
    package func isDone(with status: Int) -> Bool {
        switch self.command {
        case .arguments, .script: status == 0
        case .request(let request): request.expected.contains { $0.contains(status) }
        }
    }

    /// A status that means that it was done.
    package var doneStatus: Int {
        if case .request(let request) = self.command { request.expected.first?.lowerBound ?? 200 } else { 0 }
    }

    /// What a status says that does not mean done.
    package func words(for status: Int, _ report: CommandReport) -> String {
        switch self.command {
        case .arguments, .script: "exit status \(status)\(report.lastWords)"
        case .request: status == 0 ? "no answer\(report.lastWords)" : "answered \(status)\(report.lastWords)"
        }
    }

    /// Whether the status is a gateway's, which does not know what became of the request behind it.
    func isLeftInDoubt(by status: Int) -> Bool {
        guard case .request = self.command, self.effectClass.changesTheWorld, self.repeating != .safe else {
            return false
        }
        return !self.isDone(with: status) && (status == 502 || status == 504)
    }
}

extension CommandReport {
    /// The last line of what it complained about, for a reason.
    var lastWords: String {
        let text = self.standardError.isEmpty ? self.standardOutput : self.standardError
        guard let line = text.split(whereSeparator: \.isNewline).last else {
            return ""
        }
        return ": \(line.prefix(200))"
    }
}

extension EffectID {
    /// Longest name that a receipt may have on a host.
    private static let readableLimit = 96

    /// The name of one sending, fit to be the name of a folder: readable, and told apart by a digest of the exact parts.
    init(run: RunID, step: StepKey, target: NodeName?, attempt: Int) {
        let node = target?.text
        let exact = "\(run.text)/\(step.text)/\(node ?? "")/\(attempt)"
        var readable: [UInt8] = []
        for scalar in "\(run.text).\(step.text).\(node ?? "local").\(attempt)".unicodeScalars.prefix(Self.readableLimit)
        {
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-": readable.append(UInt8(ascii: scalar))
            default: readable.append(UInt8(ascii: "_"))
            }
        }
        let digest = String(Mixing.hash(exact), radix: 16)
        self.init("\(String(decoding: readable, as: UTF8.self)).\(digest)")
    }
}

/// FNV-1a: mixes well enough to spread and to tell names apart, and is the same for ever.
enum Mixing {
    static func hash(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return hash
    }
}

/// A fraction that looks random and is the same in every replay.
enum Jitter {
    /// Between half of `span` and all of it, decided by `key`.
    static func shorten(_ span: Milliseconds, by key: String) -> Milliseconds {
        let half = span.count / 2
        return Milliseconds(half + Int64(Mixing.hash(key) % UInt64(max(half, 1))))
    }
}
