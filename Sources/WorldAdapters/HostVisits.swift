// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
package import Doctor
package import RunPlan
package import RunVocabulary
package import SSHClient

/// Asks the hosts of an inventory how they are, many at once, and waits for none longer than it may take.
package struct HostVisits: Sendable {
    /// As many as `sshd` on one machine and our own descriptors bear easily.
    private static let atOnce = 64
    /// For one host, resolving its name and connecting included.
    private static let each = Milliseconds.seconds(15)
    private static let connecting = Duration.seconds(7)
    /// A login that prints a novel is no reason to keep it.
    private static let outputLimit = 64 << 10

    private let client: SSHClient
    /// For all of them together.
    private let limit: Milliseconds
    private let clock = SystemWallClock()

    package init(client: SSHClient, limit: Milliseconds) {
        self.client = client
        self.limit = limit
    }

    /// `family` names the folder below the receipts' one that the store's engine uses, if it has run before.
    package func visit(_ nodes: [Node], family: String?) async -> [HostFacts] {
        let start = self.clock.now
        return await withTaskGroup(of: (Int, HostFacts).self) { group in
            var facts: [HostFacts?] = nodes.map { _ in nil }
            for (index, node) in nodes.enumerated() {
                if index >= Self.atOnce, let (done, fact) = await group.next() {
                    facts[done] = fact
                }
                group.addTask { (index, await self.visit(node, family: family, since: start)) }
            }
            for await (done, fact) in group {
                facts[done] = fact
            }
            return facts.compactMap { $0 }
        }
    }

    private func visit(_ node: Node, family: String?, since start: Instant) async -> HostFacts {
        guard node.ssh != nil else {
            return HostFacts(node: node.name.text, visit: .noAccess)
        }
        let left = Milliseconds(self.limit.count - self.clock.now.elapsed(since: start).count)
        guard left > .zero else {
            return HostFacts(node: node.name.text, visit: .notAsked(self.limit))
        }
        return HostFacts(
            node: node.name.text,
            visit: await self.ask(node, family: family, within: min(left, Self.each))
        )
    }

    private func ask(_ node: Node, family: String?, within time: Milliseconds) async -> HostFacts.Visit {
        let host: SSHHost
        do throws(SSHHosts.Problem) {
            host = try SSHHosts().host(of: node)
        } catch {
            return .stopped(at: .name, passed: [], says: error.message)
        }
        let folder = family.map { "\(ReceiptStore.defaultFolder)/\($0)" } ?? ReceiptStore.defaultFolder
        guard let store = try? ReceiptStore(folder: folder) else {
            return .stopped(at: .receipts, passed: [], says: "'\(folder)' cannot be the folder of receipts")
        }
        let question = HostExamination(store: store, nonce: Nonce.fresh())
        var reached = host
        reached.connectTimeout = min(Self.connecting, time.duration)
        let before = self.clock.now
        do throws(SSHError) {
            let result = try await self.client.run(
                question.script.commandLine,
                on: reached,
                standardInput: question.script.standardInput,
                timeout: time.duration,
                outputLimit: Self.outputLimit
            )
            return self.read(result, question, before)
        } catch {
            return .stopped(
                at: error.code.check,
                passed: error.code.passed(throughJump: !host.jumps.isEmpty),
                says: error.message
            )
        }
    }

    private func read(_ result: SSHCommandResult, _ question: HostExamination, _ before: Instant) -> HostFacts.Visit {
        let after = self.clock.now
        guard let portrait = question.answer(result.standardOutput) else {
            let said = String(decoding: result.standardOutput + result.standardError, as: UTF8.self)
            return .stopped(
                at: .shell,
                passed: HostCheck.shell.earlier,
                says: ShellChatter.complaint(said, exitStatus: result.exitStatus)
            )
        }
        // The host read its clock between the two, and shows whole seconds.
        let middle = Double(before.milliseconds + after.milliseconds) / 2_000
        return .answered(
            HostAnswer(
                shell: portrait.shell,
                refusal: portrait.refusal.map { HostRefusal($0.check, $0.description) },
                folder: portrait.folder,
                nearest: portrait.nearest,
                isWritable: portrait.isWritable,
                freeKibibytes: portrait.freeKibibytes,
                secondsAhead: portrait.secondsSinceEpoch.map { Double($0) + 0.5 - middle },
                secondsUnsure: 0.5 + Double(after.elapsed(since: before).count) / 2_000,
                took: after.elapsed(since: before)
            )
        )
    }
}

/// What an account that runs no commands says instead.
private enum ShellChatter {
    private static let shown = 120

    static func complaint(_ said: String, exitStatus: Int32?) -> String {
        let line = said.split(whereSeparator: \.isNewline).first.map { String($0.prefix(self.shown)) }
        let clean = line.map { String($0.map { $0.isASCII && !$0.isLetter && $0.asciiValue ?? 32 < 32 ? "?" : $0 }) }
        let status = exitStatus.map { "status \($0)" } ?? "a signal"
        let words = clean.map { "'\($0)'" } ?? "nothing"
        return "its login runs no commands: it said \(words) and ended with \(status); "
            + "give the account sh, dash, bash or busybox as login shell, and no ForceCommand"
    }
}

extension ReceiptRefusal {
    fileprivate var check: HostCheck {
        switch self {
        case .unsupportedShell: .shell
        case .unsupportedHost: .needs
        case .olderTerm, .budgetSpent, .sealed, .anotherStore, .storeUnwritable, .noWorkingDirectory: .receipts
        }
    }
}

extension SSHError.Code {
    /// How far we had come when it happened.
    fileprivate var check: HostCheck {
        switch self {
        case .invalidHost, .nameNotFound, .timedOut(.resolve): .name
        case .unreachable, .connectionRefused, .overloaded, .cancelled, .shutDown: .tcp
        case .timedOut(.queue), .timedOut(.connect): .tcp
        case .unknownHostKey, .changedHostKey, .hostKeyTypeNotPinned, .revokedHostKey, .knownHostsUnusable: .key
        case .handshakeFailed, .timedOut(.handshake): .key
        case .authenticationRefused, .keyFileUnreadable, .agentUnavailable, .timedOut(.authenticate): .login
        case .invalidCommand, .connectionLost, .channelRefused, .timedOut(.open), .timedOut(.command): .shell
        }
    }
    /// What was seen to be fine on the way there.
    ///
    /// What is wrong with keys on our side is found when the name is known, and before anything is sent; behind a jump host the name is the
    /// jump host's affair.
    fileprivate func passed(throughJump: Bool) -> [HostCheck] {
        switch self {
        case .unknownHostKey: []
        case .knownHostsUnusable, .keyFileUnreadable, .agentUnavailable: throughJump ? [] : [.name]
        default: self.check.earlier
        }
    }
}
