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

        /// What is heard of the act: of a request it is a status of HTTP.
        func report(on act: Act) -> CommandReport {
            switch self {
            case .done: CommandReport(.exited(status: act.command.successStatus))
            case .failed: CommandReport(.exited(status: act.command.failureStatus))
            case .timedOut, .timedOutAfterwards: CommandReport(.timedOut)
            case .doubtfulAndDone, .doubtful: CommandReport(.inDoubt(reason: "the connection broke"))
            case .unreachable: CommandReport(.notSent(reason: "no connection"))
            case .stopped: CommandReport(.stopped)
            case .neverSent: CommandReport(.notSent(reason: "the engine died before it"))
            }
        }
    }
}

extension Move {
    var isOfTheWorld: Bool {
        switch self {
        case .fault, .progress: true
        case .started, .resumed, .cancelled, .answer, .began, .ended, .granted, .denied, .told, .timer, .limit,
            .deadline, .settled:
            false
        }
    }
}

extension Act.Command {
    fileprivate var successStatus: Int {
        if case .request(let request) = self { request.expected.first?.lowerBound ?? 200 } else { 0 }
    }

    /// A server that says no has not done it: what it answers with 5xx would be in doubt, and that is another ending.
    fileprivate var failureStatus: Int {
        guard case .request(let request) = self else {
            return 1
        }
        return [404, 409, 400].first { status in !request.expected.contains { $0.contains(status) } } ?? 400
    }
}

/// Answers of programs and services that have no physics: every one that a condition of the plan can tell apart.
struct Oracle: Sendable {
    private let statuses: [Int64]
    private let lags: [Int64]
    private let readings: OracleReadings
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
        self.readings = OracleReadings(plan.states.flatMap { $0.state.conditions.map(\.text) })
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
        case .tls: self.readings.certificates.count + 1
        case .prometheus: self.readings.queries.count + 1
        case .dns: self.readings.names.count + 1
        case .jmx: self.readings.attributes.count + 1
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
        case .tls: return self.readings.certificates.facts(option)
        case .prometheus: return self.readings.queries.facts(option)
        case .dns: return self.readings.names.facts(option)
        case .jmx: return self.readings.attributes.facts(option)
        case .tcp, .zookeeper: return [:]
        }
    }

    func text(_ option: Int, for question: ProbeOrder.Question) -> String {
        switch question {
        case .ssh: option < self.statuses.count ? "exit status \(self.statuses[option])" : "no answer"
        case .http: option < 2 ? "status \(option == 0 ? 200 : 500)" : "no answer"
        case .kafka(let ask): ask.contains(.lag) ? "lag \(self.lags[option])s" : ""
        case .tls: self.readings.certificates.text(option)
        case .prometheus: self.readings.queries.text(option)
        case .dns: self.readings.names.text(option)
        case .jmx: self.readings.attributes.text(option)
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
