// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVerifier
import RunVocabulary
import Testing

// Goal: on runbooks small enough to model by hand, the search visits as many states as another model checker, and judges as it does.
// Method: ten small runbooks beside models that were written by hand from the description of the language; the numbers of states are equal, and
// both find a violation or neither does. Nothing is left out (`isReduced: false`), so that a state is a valuation of the model's variables.
@Suite struct SpinAgreementTests {
    struct Pair: Sendable, CustomTestStringConvertible {
        var name: String
        var prover = Prover(isReduced: false)
        var runbook: String
        /// Declarations, then the guarded commands.
        var variables: String
        var commands: [String]

        var testDescription: String { self.name }

        var model: SpinModel {
            let options = (self.commands + ["else -> skip"]).map { "  :: d_step { \($0) }" }.joined(separator: "\n")
            return SpinModel(
                promela: "\(self.variables)\nactive proctype model() {\n  do\n\(options)\n  od\n}\n"
            )
        }
    }

    /// Who is told when it fails.
    private static let tells = """
        on_failure:
          - id: tell
            notify: { channels: [oncall], severity: critical, message: failed }
        """

    private static let gate = """
        runbook: gate
        steps:
          - id: ask
            approve: { message: Go on?, from: [role:sre], needed: 1, timeout: 5m, on_timeout: refused }
        """

    static let pairs: [Pair] = [
        Pair(
            name: "a gate, and a notice when it is not granted",
            runbook: "\(gate)\n\(tells)",
            variables:
                "#define READY 0\n#define ASKING 1\n#define TELLING 2\n#define DONE 3\n#define FAILED 4\nbyte at;",
            commands: [
                "at == READY -> at = ASKING", "at == ASKING -> at = DONE", "at == ASKING -> at = TELLING",
                "at == TELLING -> at = FAILED",
            ]
        ),
        Pair(
            name: "a gate, and nobody is told when it is not granted",
            runbook: gate,
            variables: "byte at; bool told;",
            commands: [
                "at == 0 -> at = 1", "at == 1 -> at = 2", "at == 1 -> at = 3; assert(told)",
            ]
        ),
        Pair(
            name: "three commands at a time",
            prover: Prover(nodes: ["apps": 3], begin: ["apps": [.up]], isReduced: false),
            runbook: """
                runbook: batch
                targets:
                  apps: { role: app }
                steps:
                  - id: mend
                    run: { targets: apps, command: [mend], effect: changes, batch: { size: 3 } }
                    timeout: 1m
                """,
            variables: "bool begun; byte lane[3];",
            commands: ["!begun -> begun = 1"]
                + (0..<3).map { "begun && lane[\($0)] < 2 -> lane[\($0)]++" }
        ),
        Pair(
            name: "two gates side by side",
            runbook: """
                runbook: both
                steps:
                  - id: both
                    parallel:
                      join: all
                      branches:
                        north:
                          - { id: ask_north, approve: { message: Go?, from: [role:sre], timeout: 5m, on_timeout: refused } }
                        south:
                          - { id: ask_south, approve: { message: Go?, from: [role:sre], timeout: 5m, on_timeout: refused } }
                \(tells)
                """,
            variables: """
                #define OPEN 0
                #define GRANTED 1
                #define REFUSED 2
                #define EXPIRED 3
                byte at; byte gate[2]; bool granted;
                #define JOIN \\
                  if :: gate[0] != OPEN && gate[1] != OPEN -> \\
                       at = (gate[0] == GRANTED && gate[1] == GRANTED -> 3 : 2); gate[0] = 0; gate[1] = 0 \\
                     :: else fi
                """,
            commands: ["at == 0 -> at = 1"]
                + (0..<2).flatMap { gate in
                    [
                        "at == 1 && gate[\(gate)] == OPEN -> gate[\(gate)] = GRANTED; granted = 1; JOIN",
                        "at == 1 && gate[\(gate)] == OPEN -> gate[\(gate)] = REFUSED; JOIN",
                    ]
                }
                + [
                    """
                    at == 1 -> if :: gate[0] == OPEN -> gate[0] = EXPIRED :: else fi;
                         if :: gate[1] == OPEN -> gate[1] = EXPIRED :: else fi; JOIN
                    """,
                    "at == 2 -> at = 4",
                ]
        ),
        Pair(
            name: "a command for each of three nodes, one after the other",
            prover: Prover(nodes: ["apps": 3], begin: ["apps": [.up]], isReduced: false),
            runbook: """
                runbook: each
                targets:
                  apps: { role: app }
                steps:
                  - id: each
                    for_each: { as: app, in: apps }
                    steps:
                      - id: mend
                        run: { targets: "[app]", command: [mend], effect: changes }
                        timeout: 1m
                """,
            variables: "byte at;",
            commands: ["at < 7 -> at++"]
        ),
        Pair(
            name: "three notices, one of which may get lost",
            prover: Prover(faults: 1, isReduced: false),
            runbook: """
                runbook: notices
                steps:
                  - { id: one, notify: { channels: [oncall], severity: info, message: a } }
                  - { id: two, notify: { channels: [oncall], severity: info, message: b } }
                  - { id: three, notify: { channels: [oncall], severity: info, message: c } }
                \(tells)
                """,
            // A notice that nobody took has failed, and the run goes on as if it had not (docs/language/notify.md).
            variables: "byte at; bool lost;",
            commands: ["at < 4 -> at++", "at >= 1 && at <= 3 && !lost -> lost = 1; at++"]
        ),
        Pair(
            name: "two pauses, and the engine dies once",
            prover: Prover(crashes: 1, isReduced: false),
            runbook: """
                runbook: pauses
                steps:
                  - { id: one, pause: 1m }
                  - { id: two, pause: 2m }
                """,
            variables: "byte at; byte crashes;",
            commands: ["at < 3 -> at++", "at > 0 && at < 3 && crashes < 1 -> crashes++"]
        ),
        Pair(
            name: "two nodes are started, and take their time",
            prover: Prover(nodes: ["apps": 2], begin: ["apps": [.down]], isReduced: false),
            runbook: """
                runbook: starts
                targets:
                  apps: { role: app }
                steps:
                  - id: start
                    run: { targets: apps, service: app, do: start, batch: { size: 2 } }
                    timeout: 1m
                """,
            variables: """
                #define DOWN 0
                #define STARTING 1
                #define UP 2
                bool begun; byte lane[2]; byte node[2];
                #define OVER (lane[0] == 2 && lane[1] == 2)
                """,
            commands: ["!begun -> begun = 1"]
                + (0..<2).flatMap { node in
                    [
                        "begun && lane[\(node)] == 0 -> lane[\(node)] = 1",
                        "begun && lane[\(node)] == 1 -> lane[\(node)] = 2; node[\(node)] = STARTING",
                        "!OVER && node[\(node)] == STARTING -> node[\(node)] = UP",
                    ]
                }
        ),
        Pair(
            name: "a gate, and somebody cancels",
            prover: Prover(cancels: 1, isReduced: false),
            runbook: "\(gate)\n\(tells)",
            // A cancel stops the notice that is under way, too, and the run ends (docs/language/routes.md); it had failed before.
            variables: "byte at; bool cancelled;",
            commands: [
                "at == 0 -> at = 1", "at == 1 -> at = 2", "at == 1 -> at = 3", "at == 3 -> at = 4",
                "at == 1 && !cancelled -> cancelled = 1; at = 5", "at == 3 && !cancelled -> cancelled = 1; at = 4",
            ]
        ),
        Pair(
            name: "one node dies or is cut off while people are asked",
            prover: Prover(faults: 1, nodes: ["apps": 1], begin: ["apps": [.up]], isReduced: false),
            runbook: """
                \(gate.replacing("steps:", with: "targets:\n  apps: { role: app }\nsteps:"))
                \(tells)
                """,
            variables: """
                #define UP 0
                #define DEAD 1
                #define CUT 2
                byte at; byte node; byte faults;
                """,
            commands: [
                "at == 0 -> at = 1", "at == 1 -> at = 2", "at == 1 -> at = 3", "at == 3 -> at = 4",
                "at == 3 && faults < 1 -> faults++; at = 4",
                "(at == 1 || at == 3) && faults < 1 -> faults++; node = DEAD",
                "(at == 1 || at == 3) && faults < 1 -> faults++; node = CUT",
            ]
        ),
    ]

    @Test(arguments: pairs)
    func `spin counts the same states and comes to the same verdict`(pair: Pair) async throws {
        let spin = try await pair.model.explore()
        let report = try pair.prover.report(on: pair.runbook)
        #expect(report.exploration.isComplete)
        #expect(report.exploration.states == spin.states)
        #expect(report.exploration.violations.isEmpty != spin.isViolated, "\(report.violated)")
    }
}
