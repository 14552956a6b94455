// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// Mistakes in how hosts are reached.
extension Diagnostic {
    package static func passphraseInFile(at span: SourceSpan) -> Self {
        self.ssh(
            524,
            "a passphrase must not stand in the configuration",
            at: span,
            help: "write ${NAME} for a variable of the environment, or ${file:/etc/selfheal/passphrase}"
        )
    }

    package static func agentWithoutKey(at span: SourceSpan) -> Self {
        self.ssh(
            525,
            "which of the agent's keys is meant?",
            at: span,
            help: "add public_key: with the line of the .pub file; no other key of the agent is ever offered"
        )
    }

    package static func unknownJump(_ name: String, known: [String], at span: SourceSpan) -> Self {
        self.ssh(
            526,
            "there is no node or jump host '\(name)' that SSH reaches",
            at: span,
            help: "known are: \(known.joined(separator: ", ")); add it to 'jump_hosts' with its address and host key"
        )
    }

    package static func jumpLoop(_ name: String, to node: String, at span: SourceSpan) -> Self {
        self.ssh(
            527,
            "the way to '\(node)' comes by '\(name)' twice",
            at: span,
            help: "let the way begin at a host that is reached directly: jump: none"
        )
    }

    package static func tooManyJumps(_ count: Int, to node: String, at span: SourceSpan) -> Self {
        self.ssh(
            528,
            "the way to '\(node)' leads over \(count) hosts, and three are the most",
            at: span,
            help: "shorten it: each host on the way is one more that may fail"
        )
    }

    package static func jumpHostNamedLikeNode(_ name: String, at span: SourceSpan) -> Self {
        self.ssh(
            529,
            "'\(name)' is a node and a jump host",
            at: span,
            help: "a node can be jumped over by its name; delete this one or rename it"
        )
    }

    package static func badPublicKey(_ problem: String, at span: SourceSpan) -> Self {
        self.ssh(
            532,
            "the agent's public key \(problem)",
            at: span,
            help: "paste the line of the .pub file, as 'ssh-add -L' prints it"
        )
    }

    private static func ssh(_ number: UInt16, _ message: String, at span: SourceSpan, help: String) -> Self {
        Self(code: Code(number), severity: .error, message: message, span: span, notes: [], help: help)
    }
}
