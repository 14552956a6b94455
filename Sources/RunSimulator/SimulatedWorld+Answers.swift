// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
package import RunPlan
package import RunVocabulary

/// What the scenario has probes told where the world has no physics.
extension SimulatedWorld {
    /// The latest answer whose time has come; `node` is nothing when the engine itself is asked.
    func answer(of node: NodeName?, to question: ProbeOrder.Question) -> Scenario.Answer? {
        let elapsed = self.now.elapsed(since: Instant(milliseconds: 0))
        return self.answers.last { answer in
            answer.from <= elapsed && answer.question.fits(question)
                && (answer.nodes.isEmpty || node.map(answer.nodes.contains) ?? false)
        }
    }

    /// The facts of a probe that only the scenario can answer.
    package func scriptedFacts(of node: NodeName?, asking question: ProbeOrder.Question) -> [String: Fact] {
        guard let answer = self.answer(of: node, to: question) else {
            return [
                "problem": .string("a rehearsal cannot tell what it would answer, unless the scenario's 'answers' do")
            ]
        }
        guard !answer.isSilent else {
            return PretendProcess.silence
        }
        let heard: [String: Fact] = [
            "answered": .bool(true), "problem": .string(""), "latency": .span(Milliseconds(5)),
        ]
        return heard.merging(answer.facts) { $1 }
    }
}

extension Scenario.Answer.Question {
    fileprivate func fits(_ question: ProbeOrder.Question) -> Bool {
        switch (self, question) {
        case (.ssh(let words), .ssh(let command)): Self.isBeginning(words, of: command)
        case (.http(let place), .http(let url, _, let path)): place == url ?? path
        case (.kafka, .kafka): true
        case (.tls(let place), .tls(let question)): place == question.place
        case (.prometheus(let query), .prometheus(let question)): query == question.query
        case (.dns(let name), .dns(let question)): name == question.name
        case (.jmx(let place), .jmx(let question)): place == question.place
        default: false
        }
    }
}
