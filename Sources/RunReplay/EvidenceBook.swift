// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// What a recorded run learned about the world, to be asked again in another order.
///
/// An answer is evidence only where the same commands had been sent before it: whether a server answers after it was started says nothing about a
/// run that does not start it.
struct EvidenceBook {
    /// What was asked of whom.
    enum Key: Hashable {
        case look(NodeName)
        case question(ProbeOrder.Question, NodeName?)
        case command(Act.Command, NodeName?)
    }

    /// The commands sent so far, however often each.
    typealias History = [Key: Int]

    struct Answer {
        enum Content {
            case facts([String: Fact])
            case report(CommandReport, limit: Milliseconds)
        }

        let history: History
        /// Since the run's start.
        let askedAt: Milliseconds
        let took: Milliseconds
        let record: Int
        let content: Content
    }

    struct Ballot {
        let delay: Milliseconds
        let vote: Vote
        let record: Int
    }

    private(set) var answers: [Key: [Answer]] = [:]
    /// By the step of the gate, of every gate that was opened.
    private(set) var ballots: [StepKey: [Ballot]] = [:]
    /// What each channel said last.
    private(set) var deliveries: [String: Delivery] = [:]
    /// What people decided of their own accord, with when.
    private(set) var words: [(at: Milliseconds, record: Int, event: RunEvent)] = []

    private struct Asked {
        let keys: [Key]
        let history: History
        let at: Instant
        var limit = Milliseconds.zero
    }

    init(_ recording: Recording) throws(ReplayError) {
        var machine = RunMachine(binding: recording.binding)
        var history: History = [:]
        var questions: [RequestID: Asked] = [:]
        var acts: [EffectID: Asked] = [:]
        var gates: [StepKey: Instant] = [:]
        var inquired: Set<EffectID> = []
        for (index, event) in recording.events.enumerated() {
            let effects = try machine.handle(event)
            let since = { (moment: Instant) in moment.elapsed(since: recording.start) }
            switch event {
            case .observed(let request, let reports, let at), .probed(let request, let reports, let at):
                guard let asked = questions.removeValue(forKey: request) else {
                    break
                }
                for (key, report) in zip(asked.keys, reports) {
                    let answer = Answer(
                        history: asked.history,
                        askedAt: since(asked.at),
                        took: at.elapsed(since: asked.at),
                        record: index + 1,
                        content: .facts(report.facts)
                    )
                    self.answers[key, default: []].append(answer)
                }
            case .ended(let effect, let report, let at):
                guard let asked = acts.removeValue(forKey: effect), let key = asked.keys.first else {
                    break
                }
                guard !(report.wasNeverSent && inquired.contains(effect)) else {
                    // The engine ended before it was sent: as if it had not been decided, for it is sent anew.
                    history[key, default: 1] -= 1
                    history = history.filter { $0.value > 0 }
                    break
                }
                let answer = Answer(
                    history: asked.history,
                    askedAt: since(asked.at),
                    took: at.elapsed(since: asked.at),
                    record: index + 1,
                    content: .report(report, limit: asked.limit)
                )
                self.answers[key, default: []].append(answer)
            case .voted(let step, let vote, let at):
                let delay = gates[step].map { at.elapsed(since: $0) } ?? .zero
                self.ballots[step, default: []].append(Ballot(delay: delay, vote: vote, record: index + 1))
            case .told(_, let deliveries, _):
                for delivery in deliveries {
                    self.deliveries[delivery.channel] = delivery
                }
            case .cancelRequested(_, _, let at), .settled(_, _, let at), .triggerCleared(_, let at):
                self.words.append((since(at), index + 1, event))
            case .started, .refused, .resumed, .began, .clockReached: break
            }
            for effect in effects {
                switch effect {
                case .observe(let request, _), .probe(let request, _):
                    questions[request] = Asked(keys: effect.keys, history: history, at: event.moment)
                case .act(let act):
                    acts[act.effect] = Asked(keys: effect.keys, history: history, at: event.moment, limit: act.timeout)
                    history.add(effect.keys)
                case .openGate(let gate):
                    gates[gate.step] = gates[gate.step] ?? event.moment
                    self.ballots[gate.step] = self.ballots[gate.step] ?? []
                case .inquire(let act): inquired.insert(act.effect)
                case .stop, .closeGate, .tell, .note, .finish: break
                }
            }
        }
    }

    /// What is known of a question, asked at this moment after these commands.
    ///
    /// The next answer that was given from then on; else the last before it, as long as facts count as fresh.
    func answer(to key: Key, after history: History, at moment: Milliseconds, fresh: Milliseconds) -> Found {
        guard let all = self.answers[key] else {
            return .missing("the recorded run did not do so")
        }
        let fitting = all.filter { $0.history == history }
        guard let last = fitting.last else {
            return .missing("the recorded run did so only after other commands had been sent")
        }
        if let next = fitting.first(where: { $0.askedAt >= moment }) {
            return .found(next)
        }
        let age = Milliseconds(moment.count - last.askedAt.count)
        guard case .facts = last.content, age <= fresh else {
            return .missing("the recorded run did so at T+\(last.askedAt) for the last time")
        }
        return .found(last)
    }

    enum Found {
        case found(Answer)
        case missing(String)
    }
}

extension EvidenceBook.History {
    mutating func add(_ keys: [EvidenceBook.Key]) {
        for key in keys {
            self[key, default: 0] += 1
        }
    }
}

extension CommandReport {
    fileprivate var wasNeverSent: Bool {
        if case .notSent = self.ending { true } else { false }
    }
}

extension RunEffect {
    /// What an answer to it is found by, one for each target.
    var keys: [EvidenceBook.Key] {
        switch self {
        case .observe(_, let nodes): nodes.map { .look($0) }
        case .probe(_, let order):
            order.targets.isEmpty
                ? [.question(order.question, nil)] : order.targets.map { .question(order.question, $0) }
        case .act(let act), .inquire(let act): [.command(act.command, act.target)]
        case .stop, .openGate, .closeGate, .tell, .note, .finish: []
        }
    }
}
