// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLinux
import Glibc
import RunVocabulary
import RunbookLanguage

struct New: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the skeleton of a runbook, which checks clean.",
        discussion: "Exit status: 0 when it is written, 1 when the file is there already, 2 when the name is none."
    )

    @Argument(help: "The runbook's name: a-z, 0-9, '_' and '-'; the file is NAME.yaml.")
    var name: String

    @Option(help: "What it is for.")
    var kind = Skeleton.Kind.repair

    @Option(help: "The folder to write it into.")
    var folder = "."

    func run() throws {
        guard Naming.isRunbookName(self.name) else {
            Terminal.say(
                "'\(self.name)' is no name: it begins with a letter a-z and goes on with a-z, 0-9, '_' and '-'"
            )
            throw ExitCode.askedWrongly
        }
        let path = self.folder == "." ? "\(self.name).yaml" : "\(self.folder)/\(self.name).yaml"
        // Nothing that is there is ever overwritten, not even when two of us begin at the same moment.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            let reason = errno == EEXIST ? "it is there already" : String(cString: strerror(errno)).lowercased()
            Terminal.say("\(path) was not written: \(reason)")
            throw ExitCode.answerIsNo
        }
        defer { close(descriptor) }
        Terminal.write(Skeleton.text(self.name, self.kind), to: descriptor)
        Terminal.output(path)
        Terminal.say("next: put your roles and services into it, then 'selfheal check \(path)'")
    }
}

/// Runbooks to start from; each says in comments what the author has to decide.
enum Skeleton {
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        /// Look, ask, act, look again.
        case repair
        /// One node after the other, each healthy before the next.
        case rolling
        /// Look and tell; nothing is changed.
        case report
    }

    static func text(_ name: String, _ kind: Kind) -> String {
        let title = name.split { $0 == "_" || $0 == "-" }.joined(separator: " ")
        let body =
            switch kind {
            case .repair: self.repair
            case .rolling: self.rolling
            case .report: self.report
            }
        return """
            # What goes wrong, how one notices, and why these steps are right: write it here.
            runbook: \(name)
            title: \(title)
            severity: warning

            targets:
              members: { role: zookeeper }         # a role of your configuration

            steps:
            \(body)
            """
    }

    private static let repair = """
          # One that refuses the connection is down; one that answers and does not serve waits for the others.
          - id: look
            title: Look before touching anything
            probe: { targets: members, zookeeper: { ask: [srvr] } }

          - id: route
            choose:
              - when: steps.look.results.all(r, r.serving)
                next: not_needed
              - when: steps.look.results.exists(r, !r.answered)
                next: may_i
              - otherwise: hand_over             # they run and do not serve: starting them again would not help
              - if_unknown: hand_over            # what nobody saw is no reason to act

          - id: may_i
            approve:
              message: |
                Start ${{ steps.look.results.filter(r, !r.answered).map(r, r.target.name) }} of ${{ cluster.name }}?
              from: [role:sre]
              timeout: 15m
              on_timeout: refused
            if_failed: hand_over

          - id: start_each
            for_each:
              as: member
              in: steps.look.results.filter(r, !r.answered).map(r, r.target)
            steps:
              - id: start
                run: { targets: "[member]", service: zookeeper, do: start }
                timeout: 1m
                verify: { zookeeper: { ask: [srvr] }, expect: result.answered }
            if_failed: hand_over

          - id: serves
            wait: { targets: members, zookeeper: { ask: [srvr] }, until: "results.all(r, r.serving)", every: 2s }
            timeout: 2m
            if_failed: hand_over

          - id: done
            finish: { outcome: succeeded }
          - id: not_needed
            finish: { outcome: not_needed }

          - id: hand_over
            notify: { channels: [oncall], severity: critical, message: "Stopped at ${{ run.step }}: ${{ run.reason }}" }
          - id: give_up
            finish: { outcome: escalated }

        """

    private static let rolling = """
          - id: healthy_before
            title: Do not begin unless all of them serve
            wait: { targets: members, zookeeper: { ask: [srvr] }, until: "results.all(r, r.serving)", every: 2s }
            timeout: 1m
            if_failed: hand_over

          - id: may_i
            approve:
              message: Restart ${{ size(members) }} members of ${{ cluster.name }}, one after the other?
              from: [role:sre]
              timeout: 15m
              on_timeout: refused
            if_failed: hand_over

          - id: each
            for_each:
              as: member
              in: members.sortBy(n, n.mode == 'leader')   # the leader last: one election, not several
              stop_after_failures: 1
            steps:
              - id: restart
                run: { targets: "[member]", service: zookeeper, do: restart }
                timeout: 2m
                require: size(members.filter(m, m.serving)) > quorum(members)
              - id: serves_again
                wait: { targets: members, zookeeper: { ask: [srvr] }, until: "results.all(r, r.serving)", every: 2s }
                timeout: 5m
            if_failed: hand_over

          - id: done
            finish: { outcome: succeeded }

          - id: hand_over
            notify: { channels: [oncall], severity: critical, message: "Stopped at ${{ run.step }}: ${{ run.reason }}" }
          - id: give_up
            finish: { outcome: escalated }

        """

    private static let report = """
          - id: look
            probe: { targets: members, zookeeper: { ask: [srvr] } }

          - id: tell
            notify:
              channels: [oncall]
              severity: info
              message: |
                ${{ size(steps.look.results.filter(r, r.serving)) }} of ${{ size(members) }} serve.

        """
}
