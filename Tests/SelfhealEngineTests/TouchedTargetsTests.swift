// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import RunCore
import RunPlan
import RunPorts
import RunTestSupport
import RunVocabulary
import Testing

@testable import SelfhealEngine

/// What one run may change, counted where no runbook can switch it off.
@Suite struct TouchedTargetsTests {
    private static func binding(_ effect: String = "restarts") throws -> RunBinding {
        let plan = try PlanFixture.plan(
            """
            runbook: all
            targets: { nodes: { role: node } }
            steps:
              - id: act
                run: { targets: nodes, expect_targets: 1..9, command: ["true"], effect: \(effect) }
                timeout: 20s
            """
        )
        let nodes = (1...4).map { number in
            var node = Node(name: NodeName("n\(number)"), host: "n\(number)", roles: ["node"])
            node.datacenter = "north"
            node.rack = number < 3 ? "a" : "b"
            return node
        }
        return RunBinding(
            run: "run-1",
            plan: plan,
            parameters: [:],
            inventory: Inventory(clusterName: "c", clusterID: "", nodes: nodes, services: []),
            requestedBy: "requester"
        )
    }

    /// Says that everything went well, and remembers whom it was sent to.
    private final class Recorder: CommandRunner {
        let sent = AsyncStream<NodeName>.makeStream()

        func run(
            _ act: Act,
            on node: Node?,
            onOutput: @escaping @Sendable (CommandOutput) -> Void
        ) async -> CommandReport {
            self.sent.continuation.yield(node?.name ?? "here")
            return CommandReport(.exited(status: 0))
        }

        func inquire(_ act: Act, on node: Node?) async -> CommandReport {
            CommandReport(.exited(status: 0))
        }

        func stop(_ effect: EffectID) async {}
    }

    /// Drives the run by hand, sending through the limits; returns what was sent and the events.
    private func drive(
        _ binding: RunBinding,
        _ limits: TouchLimits,
        stoppingAfter count: Int = .max
    ) async throws -> (sent: [NodeName], refused: [String], events: [RunEvent]) {
        let recorder = Recorder()
        let commands = LimitedCommands(
            base: recorder,
            touched: TouchedTargets(limits, of: binding, history: [])
        )
        var machine = RunMachine(binding: binding)
        let now = Instant(milliseconds: 1_000)
        var (events, refused, sent): ([RunEvent], [String], Int) = ([.started(at: now)], [], 0)
        var effects = try machine.handle(events[0])
        while case .act(let act)? = effects.first(where: { if case .act = $0 { true } else { false } }), sent < count {
            sent += 1
            let report = await commands.run(act, on: act.target.flatMap { binding.inventory[$0] }) { _ in }
            if case .notSent(let reason) = report.ending {
                refused.append(reason)
            }
            let news: [RunEvent] = [.began(act.effect, at: now), .ended(act.effect, report, at: now)]
            effects = []
            for event in news {
                events.append(event)
                effects += try machine.handle(event)
            }
        }
        recorder.sent.continuation.finish()
        var names: [NodeName] = []
        for await name in recorder.sent.stream {
            names.append(name)
        }
        return (names, refused, events)
    }

    @Test func `a run changes as many targets as it may, and is told why it may not change the next`() async throws {
        let driven = try await self.drive(try Self.binding(), TouchLimits(perRun: 2))
        #expect(driven.sent == ["n1", "n2"])
        #expect(driven.refused == ["this run has changed 2 targets already, and 2 are the most for one run"])
    }

    @Test func `of one failure domain it changes fewer`() async throws {
        let driven = try await self.drive(try Self.binding(), TouchLimits(perDomain: 1))
        #expect(driven.sent == ["n1"])
        let reason = "this run has changed 1 target of north/a already, and 1 are the most for one failure domain"
        #expect(driven.refused == [reason])
    }

    @Test func `what only reads is not counted, and without a limit nothing is refused`() async throws {
        #expect(try await self.drive(try Self.binding("reads"), TouchLimits(perRun: 1)).sent.count == 4)
        #expect(try await self.drive(try Self.binding(), TouchLimits()).sent.count == 4)
    }

    @Test func `a run that is taken up again has changed what it had changed`() async throws {
        let binding = try Self.binding()
        let driven = try await self.drive(binding, TouchLimits(perRun: 3), stoppingAfter: 2)
        #expect(driven.sent == ["n1", "n2"])
        let touched = TouchedTargets(TouchLimits(perRun: 3), of: binding, history: driven.events)
        #expect(touched.refusal(of: "n1") == nil)
        #expect(touched.refusal(of: "n3") == nil)
        #expect(touched.refusal(of: "n4") == "this run has changed 3 targets already, and 3 are the most for one run")
        #expect(touched.refusal(of: "n2") == nil)
    }
}
