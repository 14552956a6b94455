// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Turns what a runbook says into the command for one target.
package enum ActRendering {
    case command(Act.Command, summary: String)
    case refused(String)

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
                guard let value = context.exactText(of: template.value, with: extra) else {
                    return .refused("the value of '\(template.name)' cannot be told")
                }
                environment.append(Act.Variable(name: template.name, value: value))
            }
            return .command(.script(text: text, environment: environment), summary: "script")
        }
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
