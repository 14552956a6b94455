// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunCore
import RunPlan
package import RunVocabulary
import RunbookSource

extension SimulatedWorld {
    /// How a command will go, decided when it is sent.
    package struct Performance: Hashable, Sendable {
        /// Nothing when it does not end by itself.
        package var length: Milliseconds?
        package var report: CommandReport
        /// Whether it brings about what it is for, at its end.
        package var happens: Bool
    }

    /// How long we try to reach a host.
    private static let connectLimit = Milliseconds.seconds(10)

    /// Sends a command to its host.
    package mutating func send(_ act: Act) -> Performance {
        let command = self.generator.length(in: self.durations.command)
        if case .request(let request) = act.command {
            return self.answer(request, of: act, after: command)
        }
        guard let target = act.target else {
            return Performance(length: command, report: CommandReport(.exited(status: 0)), happens: true)
        }
        guard let place = self.place(of: target), !self.process(at: place).isCut else {
            let limit = min(Self.connectLimit, act.timeout)
            let report = CommandReport(.notSent(reason: "no connection to \(target) within \(limit)"))
            return Performance(length: limit, report: report, happens: false)
        }
        if let mishap = self.takeMishap(of: act, at: target) {
            switch mishap {
            case .fails(let status, let says):
                let report = CommandReport(.exited(status: status), standardError: says)
                return Performance(length: command, report: report, happens: false)
            case .hangs: return Performance(length: nil, report: CommandReport(.timedOut), happens: false)
            case .doubtful:
                let report = CommandReport(.inDoubt(reason: "the connection to \(target) broke"))
                return Performance(length: command, report: report, happens: true)
            }
        }
        return self.perform(act, at: place, command: command)
    }

    /// A request is answered as the scenario's answers say, else as one hopes.
    private func answer(_ request: Act.Request, of act: Act, after length: Milliseconds) -> Performance {
        let question = ProbeOrder.Question.http(url: request.url, port: nil, path: "")
        let answer = self.answer(of: nil, to: question)
        guard !(answer?.isSilent ?? false) else {
            let matters = act.effectClass.changesTheWorld && act.repeating != .safe
            let ending: CommandReport.Ending =
                matters ? .inDoubt(reason: "no answer came from \(request.url)") : .timedOut
            return Performance(length: act.timeout, report: CommandReport(ending), happens: false)
        }
        var status = request.expected.first?.lowerBound ?? 200
        var body = ""
        if case .int(let given) = answer?.facts["status"] {
            status = Int(given)
        }
        if case .string(let given) = answer?.facts["body"] {
            body = given
        }
        let report = CommandReport(.exited(status: status), standardOutput: body)
        return Performance(length: length, report: report, happens: act.isDone(with: status))
    }

    private mutating func perform(_ act: Act, at place: Place, command: Milliseconds) -> Performance {
        var length = command
        var status = 0
        switch self.verb(of: act) ?? act.effectClass.verb {
        case .stop, .restart: length = length + self.stopLength(of: place)
        case .status: status = self.process(at: place).phase == .down ? 3 : 0
        case .start, nil: break
        }
        return Performance(length: length, report: CommandReport(.exited(status: status)), happens: true)
    }

    private mutating func stopLength(of place: Place) -> Milliseconds {
        guard self.process(at: place).phase != .down else {
            return .zero
        }
        switch place {
        case .member: return self.generator.length(in: self.durations.stopMember)
        case .broker: return self.generator.length(in: self.durations.stopBroker)
        case .host: return .zero
        }
    }

    /// Lets a command that came to its end have its effect.
    package mutating func complete(_ act: Act) {
        guard let place = act.target.flatMap({ self.place(of: $0) }) else {
            return
        }
        switch self.verb(of: act) ?? act.effectClass.verb {
        case .start: self.start(place)
        case .stop: self.stop(place)
        case .restart:
            self.stop(place)
            self.start(place)
        case .status, nil:
            if act.effectClass == .wipes {
                self.wipe(place)
            }
        }
        self.settle()
    }

    /// Which verb of a service the command is, as the inventory spells it.
    private func verb(of act: Act) -> ServiceVerb? {
        guard case .arguments(let words) = act.command, let target = act.target,
            let node = self.inventory[target]
        else {
            return nil
        }
        for service in self.inventory.services {
            for verb in ServiceVerb.allCases
            where self.inventory.command(of: service.name, verb, on: node) == words {
                return verb
            }
        }
        return nil
    }

    private mutating func takeMishap(of act: Act, at target: NodeName) -> Scenario.Mishap.Kind? {
        let verb = self.verb(of: act)?.rawValue
        guard
            let index = self.mishaps.firstIndex(where: { mishap in
                mishap.node == target && mishap.times != 0
                    && (mishap.verb == verb || mishap.verb == Scenario.Mishap.anyVerb)
                    && (mishap.step.map { act.step.stepName == StepName($0.value) } ?? true)
            })
        else {
            return nil
        }
        self.mishaps[index].times = self.mishaps[index].times.map { $0 - 1 }
        return self.mishaps[index].kind
    }
}

extension Scenario.Mishap {
    package static let anyVerb = "any"
}

extension EffectClass {
    /// The verb of a service that a command of this class amounts to.
    fileprivate var verb: ServiceVerb? {
        switch self {
        case .starts: .start
        case .stops: .stop
        case .restarts: .restart
        case .reads, .wipes, .movesData, .promotes, .fences, .changes: nil
        }
    }
}
