// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary

/// Answers held against a runbook: one that nothing asks for is a slip of the pen.
extension Scenario.Answer {
    /// The answers that no probe of the plan could ask for, with what it does ask.
    static func strangers(among answers: [Self], to plan: Plan) -> [(answer: Self, asked: [String])] {
        let probes = plan.states.flatMap(\.state.action.questions)
        return answers.compactMap { answer in
            probes.contains(where: answer.question.mayFit) ? nil : (answer, Self.texts(of: probes))
        }
    }

    private static func texts(of probes: [ProbeSpecification]) -> [String] {
        var texts: [String] = []
        for text in probes.compactMap(\.askedText) where !texts.contains(text) {
            texts.append(text)
        }
        return texts
    }
}

extension Scenario.Answer.Question {
    /// Whether the probe may turn out to ask this, whatever the expressions in it give.
    fileprivate func mayFit(_ probe: ProbeSpecification) -> Bool {
        switch (self, probe) {
        case (.ssh(let words), .ssh(let command)):
            Self.isBeginning(words, of: command.enumerated().map { $1.knownWord(isProgram: $0 == 0) })
        case (.http(let place), .http(let question)):
            (question.url ?? question.path).map { $0.cel.soleLiteral == nil || $0.cel.soleLiteral == place }
                ?? (place == "/")
        case (.kafka, .kafka): true
        case (.tls(let place), .tls(let question)): question.known.map { $0.place == place } ?? true
        case (.prometheus(let query), .prometheus(let question)): Self.mayBe(query, question.query)
        case (.dns(let name), .dns(let question)): Self.mayBe(name, question.name)
        case (.jmx(let place), .jmx(let question)): question.known.map { $0.place == place } ?? true
        default: false
        }
    }
}

extension Scenario.Answer.Question {
    private static func mayBe(_ text: String, _ template: Template) -> Bool {
        template.cel.soleLiteral.map { $0 == text } ?? true
    }
}

extension TLSQuestion<Template> {
    /// With its texts, if they are the same whatever the expressions in them give.
    fileprivate var known: TLSQuestion<String>? { self.mapTexts { $0.cel.soleLiteral } }
}

extension JMXQuestion<Template> {
    /// With its texts, if they are the same whatever the expressions in them give.
    fileprivate var known: JMXQuestion<String>? { self.mapTexts { $0.cel.soleLiteral } }
}

extension PlanAction {
    /// What the step asks the world, by itself or to verify its act; a request is answered like a probe of its address.
    fileprivate var questions: [ProbeSpecification] {
        let verified = [self.acting?.verify?.probe].compactMap { $0 }
        switch self {
        case .probe(let action): return [action.probe]
        case .wait(let action): return [action.probe]
        case .run: return verified
        case .request(let action): return [.http(HTTPQuestion(url: action.url, port: nil, path: nil))] + verified
        case .approve, .notify, .choose, .parallel, .forEach, .call, .set, .pause, .finish: return []
        }
    }
}

extension ProbeSpecification {
    /// As an answer would write the question, where it can be told.
    fileprivate var askedText: String? {
        switch self {
        case .ssh(let command):
            Scenario.Answer.Question.named(command.map { $0.knownWord(isProgram: true) }).first?.map { program in
                "ssh: \(program.split(separator: "/").last.map { String($0) } ?? program)"
            }
        case .http(let question): "http: \((question.url ?? question.path)?.text ?? "/")"
        case .kafka: "kafka"
        case .tls(let question): question.mapTexts { $0.text }.map { "tls: \($0.place)" }
        case .prometheus(let question): "prometheus: \(question.query.text)"
        case .dns(let question): "dns: \(question.name.text)"
        case .jmx(let question): question.mapTexts { $0.text }.map { "jmx: \($0.place)" }
        case .tcp, .zookeeper: nil
        }
    }
}

extension Template {
    /// The word, if it is the same whatever the expressions in it give; of a program, what follows its folder is enough.
    fileprivate func knownWord(isProgram: Bool) -> String? {
        if let literal = self.cel.soleLiteral {
            return literal
        }
        guard isProgram, case .literal(let tail) = self.cel.parts.last, let slash = tail.lastIndex(of: "/") else {
            return nil
        }
        return String(tail[slash...])
    }
}
