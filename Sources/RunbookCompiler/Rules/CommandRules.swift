// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookLanguage
import RunbookSource

private typealias Code = Diagnostic.Code

/// What commands are known to do, and what their steps say of them.
enum CommandRules {
    static func check(_ regions: [RuleRegion]) -> [Diagnostic] {
        regions.flatMap { region in
            region.acts.flatMap { act in
                self.tooMild(act) + self.killed(act) + self.givesDataAway(act)
            } + region.steps.flatMap { self.changingProbe($0) }
        }
    }

    /// An effect that is too mild for a command: the guard rails would look the other way.
    private static func tooMild(_ act: RuleRegion.Act) -> [Diagnostic] {
        guard let declared = act.syntax.effect else {
            return []
        }
        for command in act.commands {
            guard let known = command.known, !declared.value.covers(known.effect) else {
                continue
            }
            return [
                .advice(
                    Code(402),
                    "'\(known.name)' \(known.effect.clause), and the step says '\(declared.value.rawValue)'",
                    at: declared.span,
                    notes: [Diagnostic.Note(message: "the command is here", span: command.span)],
                    help: "write effect: \(known.effect.rawValue)"
                )
            ]
        }
        return []
    }

    /// SIGKILL as the first act: nothing is flushed, and the start afterwards takes as long as the recovery.
    private static func killed(_ act: RuleRegion.Act) -> [Diagnostic] {
        var hasAsked = false
        for command in act.commands {
            guard let program = command.program else {
                continue
            }
            guard ["kill", "pkill", "killall", "systemctl", "docker"].contains(program) else {
                hasAsked = hasAsked || command.known?.effect == .stops
                continue
            }
            let words = command.bare.map(\.text)
            let isHard = words.contains {
                ["-9", "-KILL", "-SIGKILL", "KILL", "SIGKILL", "--signal=KILL", "--signal=SIGKILL"].contains($0)
            }
            if isHard || program == "docker" && words.contains("kill"), !hasAsked {
                return [
                    .advice(
                        Code(403),
                        "'\(program)' with SIGKILL gives the process no time to write what it holds",
                        at: command.span,
                        help:
                            "send SIGTERM first, and wait minutes rather than seconds; a broker then shuts down in order"
                    )
                ]
            }
            hasAsked = hasAsked || command.known?.effect == .stops
        }
        return []
    }

    /// Settings that trade data for availability, or silence a safeguard.
    private static let surrenders: [(mark: StaticString, meaning: String)] = [
        ("unclean.leader.election.enable=true", "lets a replica lead that lacks records, and they are lost"),
        ("--election-type unclean", "lets a replica lead that lacks records, and they are lost"),
        ("--election-type=unclean", "lets a replica lead that lacks records, and they are lost"),
        ("snapshot.trust.empty=true", "lets a ZooKeeper member start without its snapshot"),
        ("--ignore-formatted", "formats a folder that may hold data"),
        ("-XX:OnOutOfMemoryError=kill -9", "kills a process that may still be writing"),
        ("--force --grace-period=0", "deletes a pod without knowing whether it has ended"),
        ("--grace-period=0 --force", "deletes a pod without knowing whether it has ended"),
        ("zookeeper.skipACL=yes", "opens every znode to everybody"),
        ("forceSync=no", "acknowledges what is not yet on disk"),
    ]

    static let marks = surrenders.map(\.mark)

    private static func givesDataAway(_ act: RuleRegion.Act) -> [Diagnostic] {
        guard act.isMarked, self.surrenders.contains(where: { act.holds($0.mark) }) else {
            return []
        }
        for command in act.commands {
            let text = command.words.text
            if let found = self.surrenders.first(where: { text.holds($0.mark) }) {
                return [
                    .advice(
                        Code(404),
                        "'\(found.mark)' \(found.meaning)",
                        at: command.span,
                        help: "take it out, or ask people first and say why here"
                    )
                ]
            }
        }
        return []
    }

    /// A probe is run in rehearsals against real hosts, and whenever an expression needs it.
    private static func changingProbe(_ step: StepSyntax) -> [Diagnostic] {
        for words in step.probedCommands {
            for command in RunSyntax.commands(in: words) {
                if let known = KnownCommand(command.words), known.effect != .reads {
                    return [
                        Diagnostic(
                            code: Code(405),
                            severity: .error,
                            message: "a probe only looks, and '\(known.name)' \(known.effect.clause)",
                            span: command.span,
                            help: "make it a 'run' step with effect: \(known.effect.rawValue)"
                        )
                    ]
                }
            }
        }
        return []
    }
}

extension StepSyntax {
    /// The words of what its probes run over SSH.
    var probedCommands: [[TemplateSyntax]] {
        var found: [[TemplateSyntax]] = []
        if case .ssh(let words)? = self.verify?.probe {
            found.append(words)
        }
        switch self.verb {
        case .probe(let probe):
            if case .ssh(let words)? = probe.probe {
                found.append(words)
            }
        case .wait(let wait):
            if case .ssh(let words)? = wait.probe {
                found.append(words)
            }
        default: break
        }
        return found
    }
}

extension EffectClass {
    /// What a command of this effect does, for a message.
    var clause: String {
        switch self {
        case .reads: "reads"
        case .starts: "starts something"
        case .stops: "stops something"
        case .restarts: "restarts something"
        case .wipes: "destroys data"
        case .movesData: "moves data"
        case .promotes: "promotes a cluster"
        case .fences: "fences something off"
        case .changes: "changes something"
        }
    }
}
