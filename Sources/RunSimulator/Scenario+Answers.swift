// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary
package import RunbookSource

extension Scenario {
    /// What a probe is told from some moment on, where no physics could say: programs of a site, services over HTTP, certificates, metrics.
    ///
    /// Answers are given to questions, not to steps: a program that is asked twice tells two steps the same, as it would in the world.
    package struct Answer: Hashable, Sendable {
        package enum Question: Hashable, Sendable {
            /// The command's first words; the program may stand without its folder.
            case ssh([String])
            /// The path, or the whole address.
            case http(String)
            /// Of a broker that answers: instead of what follows from its replicas.
            case kafka
            /// The address with its port, or the port of the targets.
            case tls(String)
            /// The query.
            case prometheus(String)
            /// The name that is asked for.
            case dns(String)
            /// The object, a blank, and the attribute with what of it.
            case jmx(String)
        }

        package var question: Question
        /// Empty: whoever is asked.
        package var nodes: [NodeName]
        package var from: Milliseconds
        /// By the field names of the probe's result.
        package var facts: [String: Fact]
        /// Nothing is heard until the probe's time is up.
        package var isSilent: Bool
        package var span: SourceSpan

        package init(
            _ question: Question,
            of nodes: [NodeName] = [],
            from: Milliseconds = .zero,
            facts: [String: Fact] = [:],
            isSilent: Bool = false,
            span: SourceSpan
        ) {
            self.question = question
            self.nodes = nodes
            self.from = from
            self.facts = facts
            self.isSilent = isSilent
            self.span = span
        }
    }
}

extension Scenario.Answer.Question {
    /// As the scenario writes it: `ssh: [lock, held]`.
    var text: String {
        switch self {
        case .ssh(let words): "ssh: \(words.count == 1 ? words[0] : "[\(words.joined(separator: ", "))]")"
        case .http(let place): "http: \(place)"
        case .kafka: "kafka"
        case .tls(let place): "tls: \(place)"
        case .prometheus(let query): "prometheus: \(query)"
        case .dns(let name): "dns: \(name)"
        case .jmx(let place): "jmx: \(place)"
        }
    }

    /// Whether the words of a command begin with these; a word that cannot be told yet may be any.
    static func isBeginning(_ words: [String], of command: [String?]) -> Bool {
        let command = self.named(command)
        guard words.count <= command.count else {
            return false
        }
        return zip(words, command).enumerated().allSatisfy { index, pair in
            guard let asked = pair.1 else {
                return true
            }
            return pair.0 == asked || index == 0 && asked.hasSuffix("/\(pair.0)")
        }
    }

    /// A text for `sh -c` goes by the word behind it, which is its `$0`: `[sh, -c, TEXT, has-room, /var/lib/kafka]` is `has-room`.
    static func named(_ command: [String?]) -> [String?] {
        let isText = command.count > 3 && command[0] == "sh" && command[1] == "-c"
        return isText ? Array(command.dropFirst(3)) : command
    }
}
