// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CurlTransfer
import Probes
import RunCore
import RunPlan
import RunPorts
import RunVocabulary
import SSHClient
import SelfhealEngine
import WorldAdapters

/// Walks a run with real eyes and no hands.
///
/// It probes, decides and prints what would be sent; it holds nothing that could send it. After the first act, whatever looks at the world would
/// see a world in which the act did not happen, so there it stops and says so.
struct DryRun {
    /// A runbook that loops over probes alone would otherwise never end.
    private static let eventLimit = 10_000

    let binding: RunBinding

    func run() async throws {
        try DescriptorLimit.raise(forNodes: self.binding.inventory.nodes.count)
        let prober = try SocketProber()
        let client = try SSHClient()
        let transfer = CurlTransfer()
        let eyes = LiveProbeRunner(prober: prober, client: client, transfer: transfer)
        let clock = SystemWallClock()
        var machine = RunMachine(binding: self.binding)
        var inbox: [RunEvent] = [.started(at: clock.now)]
        var walk = Walk()
        for _ in 0..<Self.eventLimit where walk.end == nil {
            guard !inbox.isEmpty else {
                guard let moment = machine.wakeAt else {
                    break
                }
                walk.end = walk.didAct ? "it would wait now, on what the act did" : nil
                if walk.end == nil {
                    await clock.sleep(until: moment)
                    inbox.append(.clockReached(at: max(moment, clock.now)))
                }
                continue
            }
            let event = inbox.removeFirst()
            for effect in try machine.handle(event) {
                if let answer = await self.follow(effect, eyes, clock, &walk) {
                    inbox += answer
                }
            }
        }
        await client.shutDown()
        await transfer.shutdown()
        await prober.shutdown()
        let end = walk.end ?? "nothing more would happen"
        let gates = walk.gates.map { "'\($0)'" }.joined(separator: ", ")
        Terminal.output("dry run: \(end)\(gates.isEmpty ? "" : "; all that only if people approve \(gates)")")
    }

    /// As many votes as the gate needs, of people who could give them.
    private func approvals(of gate: Gate, at moment: Instant) -> [RunEvent] {
        (1...gate.needed).map { number in
            let person = PersonName("somebody-\(number)")
            let roles = gate.from.compactMap { if case .role(let role) = $0 { role } else { nil } }
            let named = gate.from.compactMap { if case .person(let name) = $0 { name } else { nil } }
            let who = roles.isEmpty && number <= named.count ? named[number - 1] : person
            let vote = Vote(person: who, roles: roles, decision: .granted, digest: gate.digest, comment: "supposed")
            return .voted(gate.step, vote, at: moment)
        }
    }

    private struct Walk {
        var didAct = false
        /// Where people would have to agree first.
        var gates: [String] = []
        var end: String?
        var timeline = Timeline()
    }

    private func follow(
        _ effect: RunEffect,
        _ eyes: LiveProbeRunner,
        _ clock: SystemWallClock,
        _ walk: inout Walk
    ) async -> [RunEvent]? {
        guard walk.end == nil else {
            return nil
        }
        switch effect {
        case .probe(let request, let order):
            guard !walk.didAct else {
                walk.end = "it would look now at what the act did"
                return nil
            }
            let reports = await eyes.probe(order, in: self.binding.inventory)
            return [.probed(request, reports: reports, at: clock.now)]
        case .observe(let request, let nodes):
            guard !walk.didAct else {
                walk.end = "it would look now at what the act did"
                return nil
            }
            let reports = await eyes.observe(nodes, in: self.binding.inventory)
            return [.observed(request, reports: reports, at: clock.now)]
        case .act(let act):
            walk.didAct = true
            let place = act.target?.text ?? "this machine"
            Terminal.output(
                "would do on \(place): \(act.command.text)  (\(act.effectClass.rawValue), step \(act.step))"
            )
            return [
                .began(act.effect, at: clock.now),
                .ended(act.effect, CommandReport(.exited(status: act.doneStatus)), at: clock.now),
            ]
        case .tell(let notice):
            Terminal.output("would tell \(notice.channels.joined(separator: ", ")): \(notice.message)")
            let deliveries = notice.channels.map { Delivery(channel: $0, failure: nil) }
            return [.told(notice.id, deliveries: deliveries, at: clock.now)]
        case .openGate(let gate):
            let who = gate.from.map(\.text).joined(separator: ", ")
            Terminal.output("would ask \(gate.needed) of \(who):\n\(gate.message)")
            walk.gates.append(gate.step.text)
            Terminal.output("suppose that it is approved: this would follow")
            return self.approvals(of: gate, at: clock.now)
        case .finish(let outcome, let reason):
            walk.end = "the run would end \(outcome.rawValue)\(reason.isEmpty ? "" : ": \(reason)")"
            return nil
        case .note:
            for line in walk.timeline.lines(for: effect, at: clock.now) {
                Terminal.say(line.text)
            }
            return nil
        case .inquire, .stop, .closeGate: return nil
        }
    }
}

extension Act.Command {
    /// The command as a shell would show it.
    var text: String {
        switch self {
        case .arguments(let words): ShellWords.join(words)
        case .script(let text, let environment):
            environment.map { "\($0.name)=\(ShellWords.quote($0.value)) " }.joined() + "sh -c "
                + ShellWords.quote(text.shortened(to: 200))
        case .request(let request): request.text
        }
    }
}

extension Act.Request {
    /// The request as it may be shown, without its headers' values.
    var text: String {
        let headers = self.headers.isEmpty ? "" : "  headers \(self.headers.map(\.name).joined(separator: ", "))"
        let body = self.body.map { "  body \($0.value.shortened(to: 120))" } ?? ""
        return "\(self.method) \(self.url)\(headers)\(body)"
    }
}
