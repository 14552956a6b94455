// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunVocabulary

/// One thing that can happen next, in a form that says which and needs no memory of its own.
enum Move: Hashable, Sendable {
    case fault(WorldRules.Fault, node: Int)
    case progress(WorldRules.Progress)
    case started
    case resumed
    case cancelled
    /// The answer to a look; `variant` picks among what programs without physics can say.
    case answer(ask: Int, variant: Int, lie: Lie?)
    case began(ask: Int)
    case ended(ask: Int, Ending)
    case granted(ask: Int)
    case denied(ask: Int)
    case told(ask: Int, isDelivered: Bool)
    case timer
    case limit(Int)
    case deadline(Int)
    case settled(Int, happened: Bool)

    struct Lie: Hashable, Sendable {
        var target: Int
        var guise: Int
    }

    /// How a command comes out, and whether it took effect.
    enum Ending: UInt8, Hashable, Sendable {
        case done
        case failed
        case timedOut
        case timedOutAfterwards
        case doubtfulAndDone
        case doubtful
        case unreachable
        case stopped
        case neverSent

        var takesEffect: Bool {
            switch self {
            case .done, .timedOutAfterwards, .doubtfulAndDone: true
            case .failed, .timedOut, .doubtful, .unreachable, .stopped, .neverSent: false
            }
        }

        var report: CommandReport {
            switch self {
            case .done: CommandReport(.exited(status: 0))
            case .failed: CommandReport(.exited(status: 1))
            case .timedOut, .timedOutAfterwards: CommandReport(.timedOut)
            case .doubtfulAndDone, .doubtful: CommandReport(.inDoubt(reason: "the connection broke"))
            case .unreachable: CommandReport(.notSent(reason: "no connection"))
            case .stopped: CommandReport(.stopped)
            case .neverSent: CommandReport(.notSent(reason: "the engine died before it"))
            }
        }
    }

    /// Told apart from every other move of the same desk.
    func mix(into fingerprint: inout StateFingerprint) {
        let words: (UInt64, Int, Int) =
            switch self {
            case .fault(let fault, let node): (1, Int(fault.rawValue), node)
            case .progress: (2, 0, 0)
            case .started: (3, 0, 0)
            case .resumed: (4, 0, 0)
            case .cancelled: (5, 0, 0)
            case .answer(let ask, let variant, _): (6, ask, variant)
            case .began(let ask): (7, ask, 0)
            case .ended(let ask, let ending): (8, ask, Int(ending.rawValue))
            case .granted(let ask): (9, ask, 0)
            case .denied(let ask): (10, ask, 0)
            case .told(let ask, let isDelivered): (11, ask, isDelivered ? 1 : 0)
            case .timer: (12, 0, 0)
            case .limit(let index): (13, index, 0)
            case .deadline(let index): (14, index, 0)
            case .settled(let index, let happened): (15, index, happened ? 1 : 0)
            }
        fingerprint.mix(words.0 << 56 | UInt64(words.1) << 32 | UInt64(words.2))
    }
}

/// What the search needs to know of a desk, without opening it.
struct DeskCard: Sendable {
    enum Kind: Sendable {
        case look(ProbeOrder.Question)
        case observe
        case act
        case running(isStopping: Bool)
        case inquiry(isStopping: Bool)
        case gate
        case notice
    }

    struct Ask: Sendable {
        var kind: Kind
        /// The nodes it is about; an act has one or none.
        var targets: [Int] = []
        var effect = EffectClass.reads
        var repeating = RepeatPolicy.guarded
        /// How many answers programs without physics can give, each target by itself.
        var variants = 1
        var options = 1
        /// Whether the state of all brokers shows in it.
        var showsReplication = false
    }

    var asks: [Ask] = []
    var outcome: RunOutcome?
    var hasTimer = false
    var limits = 0
    var deadlines: [Int] = []
    var doubts = 0
    /// The nodes whose state can make a difference to what is under way.
    var readNodes: [Int] = []

    /// More combinations of answers than this are not tried for one look.
    static let variantLimit = 256
}

extension DeskCard {
    init(of desk: Desk, _ rules: WorldRules, _ properties: PropertyRules, _ oracle: Oracle) {
        self.outcome = desk.outcome
        guard desk.outcome == nil else {
            self.readNodes = rules.members
            return
        }
        let clocks = desk.machine.clocks
        self.hasTimer = !clocks.timers.isEmpty
        self.limits = clocks.limits.count
        self.deadlines = clocks.deadlines.enumerated().filter { oracle.canPass($1) }.map(\.offset)
        self.doubts = desk.machine.doubts.count
        var read: [Int] = []
        for ask in desk.asks {
            let card = Ask(of: ask, rules, oracle)
            switch card.kind {
            case .look, .observe, .running, .inquiry: read += card.targets
            case .act where properties.nevers.contains(where: \.isAboutTruth): read += Array(rules.kinds.indices)
            case .act, .gate, .notice: break
            }
            self.asks.append(card)
        }
        self.readNodes = Set(rules.neighbours(of: read)).sorted()
    }
}

extension DeskCard.Ask {
    fileprivate init(of ask: Desk.Ask, _ rules: WorldRules, _ oracle: Oracle) {
        switch ask {
        case .look(_, let order):
            self.kind = .look(order.question)
            self.targets = order.targets.compactMap { rules.index(of: $0) }
            self.options = oracle.options(for: order.question)
            // The engine itself asks once.
            for _ in 0..<max(order.targets.count, 1) {
                self.variants = min(self.variants * self.options, DeskCard.variantLimit)
            }
            if case .kafka = order.question {
                self.showsReplication = true
            }
        case .observe(_, let nodes):
            self.kind = .observe
            self.targets = nodes.compactMap { rules.index(of: $0) }
        case .act(let act):
            self.kind = .act
            self.take(act, rules)
        case .running(let act, let isStopping):
            self.kind = .running(isStopping: isStopping)
            self.take(act, rules)
        case .inquiry(let act, let isStopping):
            self.kind = .inquiry(isStopping: isStopping)
            self.take(act, rules)
        case .gate: self.kind = .gate
        case .notice: self.kind = .notice
        }
    }

    private mutating func take(_ act: Act, _ rules: WorldRules) {
        self.targets = act.target.flatMap { rules.index(of: $0) }.map { [$0] } ?? []
        self.effect = act.effectClass
        self.repeating = act.repeating
    }
}

/// Answers of programs and services that have no physics: every one that a condition of the plan can tell apart.
struct Oracle: Sendable {
    private let statuses: [Int64]
    private let lags: [Int64]
    private let canDeadlinesPass: [StepName?: Bool]

    init(_ plan: Plan, passing: [StepName?: Bool]) {
        var numbers: [Int64] = []
        var readsLag = false
        for (_, state) in plan.states {
            for text in state.conditions.map(\.text) {
                readsLag = readsLag || text.contains("lag_seconds") || text.contains("lag_messages")
                numbers += text.split { !$0.isNumber }.compactMap { Int64($0) }
            }
        }
        // 0 and 1, those that a condition names, and one that none does.
        self.statuses = Self.statuses(named: plan.states.flatMap { $0.state.conditions.map(\.text) })
        self.lags = readsLag ? [0, (numbers.max() ?? 0) + 1] : [0]
        self.canDeadlinesPass = passing
    }

    private static func statuses(named conditions: [String]) -> [Int64] {
        var all: [Int64] = [0, 1]
        let parts = conditions.flatMap { condition in
            condition.split(separator: "exit_status", omittingEmptySubsequences: false).dropFirst()
        }
        for part in parts {
            let number = part.drop { " =!<>".contains($0) }.prefix { $0.isASCII && $0.isNumber }
            if let status = Int64(number), status < 255, !all.contains(status) {
                all.append(status)
            }
        }
        return all + [(2...255).first { !all.contains($0) } ?? 255]
    }

    func canPass(_ deadline: RunMachine.Deadline) -> Bool {
        self.canDeadlinesPass[deadline.step?.step] ?? true
    }

    func options(for question: ProbeOrder.Question) -> Int {
        switch question {
        case .ssh: self.statuses.count + 1
        case .http: 3
        case .kafka(let ask): ask.contains(.lag) ? self.lags.count : 1
        case .tcp, .zookeeper: 1
        }
    }

    /// What is said besides what physics says; nothing when it is silent.
    func facts(_ option: Int, for question: ProbeOrder.Question) -> [String: Fact]? {
        switch question {
        case .ssh:
            guard option < self.statuses.count else {
                return nil
            }
            return [
                "answered": .bool(true), "exit_status": .int(self.statuses[option]), "stdout": .string(""),
                "stderr": .string(""), "problem": .string(""),
            ]
        case .http:
            guard option < 2 else {
                return nil
            }
            return [
                "answered": .bool(true), "status": .int(option == 0 ? 200 : 500), "body": .string(""),
                "problem": .string(""),
            ]
        case .kafka(let ask):
            // Behind in time and behind in records are one lag.
            let lag = Fact.int(self.lags[option])
            return ask.contains(.lag) ? ["lag_seconds": lag, "lag_messages": lag] : [:]
        case .tcp, .zookeeper: return [:]
        }
    }

    func text(_ option: Int, for question: ProbeOrder.Question) -> String {
        switch question {
        case .ssh: option < self.statuses.count ? "exit status \(self.statuses[option])" : "no answer"
        case .http: option < 2 ? "status \(option == 0 ? 200 : 500)" : "no answer"
        case .kafka(let ask): ask.contains(.lag) ? "lag \(self.lags[option])s" : ""
        case .tcp, .zookeeper: ""
        }
    }
}

extension PlanState {
    fileprivate var conditions: [Expression] {
        var all = [self.when, self.require].compactMap { $0 }
        switch self.action {
        case .choose(let action): all += action.branches.map(\.when)
        case .wait(let action): all.append(action.until)
        case .run(let action): all += action.verify.map { [$0.expect] } ?? []
        case .set(let values): all += values.map(\.value)
        case .request(let action): all += action.verify.map { [$0.expect] } ?? []
        case .probe, .approve, .notify, .parallel, .forEach, .call, .pause, .finish: break
        }
        return all
    }
}
