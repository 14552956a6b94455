// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunPlan
package import RunVocabulary
package import RunbookSource

/// Mistakes in a configuration.
extension Diagnostic {
    package static func notActedUpon(_ key: String, at span: SourceSpan) -> Self {
        let other = UnactedKeys.instead[key].map { "\($0); " } ?? ""
        let help = "\(other)delete it, or leave it for a later version; the rest of the file is used"
        return self.warning(500, "this version does nothing with '\(key)'", at: span, help: help)
    }

    // MARK: Settings

    package static func badSettingName(_ name: String, at span: SourceSpan) -> Self {
        self.error(
            108,
            "'\(name)' cannot name a setting",
            at: span,
            help: "a name begins with a letter a-z and goes on with a-z, 0-9 and '_', at most 64 characters"
        )
    }

    package static func badSettingValue(
        _ given: GivenSetting,
        _ kind: PlanParameter.Kind,
        runbook: String
    ) -> Self {
        self.error(
            132,
            "'\(given.value.value)' is no value of the setting '\(given.name.value)'",
            at: given.value.span,
            help: "the runbook '\(runbook)' wants \(kind.example)"
        )
    }

    package static func unreadSetting(_ name: Spanned<String>, runbook: String, known: [String]) -> Self {
        Self(
            code: Code(133),
            severity: .warning,
            message: "the runbook '\(runbook)' has no setting '\(name.value)'",
            span: name.span,
            help: "it has \(known.joined(separator: ", "))",
            slip: DidYouMean.slip(for: name.value, among: known)
        )
    }

    // MARK: Environment

    package static func missingVariable(_ name: String, at span: SourceSpan) -> Self {
        self.error(
            501,
            "the environment has no variable '\(name)'",
            at: span,
            help: "export it before selfheal starts; under systemd, 'EnvironmentFile=' does"
        )
    }

    package static func badReference(isExpression: Bool, at span: SourceSpan) -> Self {
        self.error(
            502,
            isExpression
                ? "an expression means nothing in the configuration" : "this names no variable of the environment",
            at: span,
            help: "write ${NAME} with letters, digits and '_', or ${file:PATH}; for '${' itself write '$${'"
        )
    }

    // MARK: Nodes

    package static func noNodes(at span: SourceSpan, help: String) -> Self {
        self.error(503, "the cluster has no nodes", at: span, help: help)
    }

    package static func duplicateNode(_ name: String, at span: SourceSpan, first: SourceSpan) -> Self {
        self.error(
            504,
            "two nodes are named '\(name)'",
            at: span,
            notes: [Note(message: "the first is here", span: first)],
            help: "give each its own 'name'; a host that runs two services is two nodes"
        )
    }

    package static func duplicateAddress(_ address: String, at span: SourceSpan, first: SourceSpan) -> Self {
        self.error(
            505,
            "'\(address)' belongs to two nodes",
            at: span,
            notes: [Note(message: "the first is here", span: first)],
            help: "what is asked of the one would be answered by the other; give each its own host or port"
        )
    }

    package static func duplicateID(_ id: Int, role: String, at span: SourceSpan, first: SourceSpan) -> Self {
        self.error(
            506,
            "two nodes of role '\(role)' have the id \(id)",
            at: span,
            notes: [Note(message: "the first is here", span: first)],
            help: "an id is the cluster's own name for a node: 'broker.id' or 'myid'"
        )
    }

    package static func evenVoters(_ count: Int, at span: SourceSpan) -> Self {
        self.warning(
            507,
            "an ensemble of \(count) voters survives no more losses than one of \(count - 1)",
            at: span,
            help: "have an odd number, or make one an observer with 'voter: false' here and in its own configuration"
        )
    }

    package static func badConfiguredName(_ name: String, what: String, at span: SourceSpan) -> Self {
        let article = what.first.map { "aeiou".contains($0) } == true ? "an" : "a"
        return self.error(
            508,
            "'\(name)' cannot name \(article) \(what)",
            at: span,
            help: "a name begins with a letter or a digit and goes on with letters, digits, '.', '_', '-' and '@'"
        )
    }

    package static func badHost(_ host: String, at span: SourceSpan) -> Self {
        self.error(
            509,
            "'\(host)' is no host",
            at: span,
            help: "write a name or an address alone, such as kafka1.example.com or 10.0.4.7; the port has its own key"
        )
    }

    package static func relativeFolder(_ key: String, _ path: String, at span: SourceSpan) -> Self {
        self.error(
            510,
            "'\(path)' is no absolute path",
            at: span,
            help: "'\(key)' is a folder on the node, where there is no folder to start from: begin it with '/'"
        )
    }

    // MARK: Access

    package static func badHostKey(_ problem: String, at span: SourceSpan) -> Self {
        self.error(
            511,
            "the host key \(problem)",
            at: span,
            help: "paste type and key, 'ssh-ed25519 AAAA…', as the node has it in /etc/ssh/ssh_host_ed25519_key.pub"
        )
    }

    package static func noHostKey(_ node: String, at span: SourceSpan) -> Self {
        self.warning(
            512,
            "nothing can be run on '\(node)', because it has no host key",
            at: span,
            help: "add 'ssh: { host_key: … }' with the line of /etc/ssh/ssh_host_ed25519_key.pub on the node"
        )
    }

    package static func emptyCommand(_ verb: String, at span: SourceSpan) -> Self {
        self.error(513, "the command of '\(verb)' is empty", at: span, help: "write [systemctl, \(verb), kafka]")
    }

    // MARK: People

    package static func duplicatePerson(_ name: String, at span: SourceSpan, first: SourceSpan) -> Self {
        self.error(
            514,
            "two people are named '\(name)'",
            at: span,
            notes: [Note(message: "the first is here", span: first)],
            help: "names are what approvals are counted by: give each their own"
        )
    }

    package static func sharedUnixUser(_ user: String, at span: SourceSpan, first: SourceSpan) -> Self {
        self.error(
            515,
            "the unix user '\(user)' is two people",
            at: span,
            notes: [Note(message: "the first is here", span: first)],
            help: "one person could approve twice; a user of this machine speaks for one person"
        )
    }

    // MARK: Channels

    package static func duplicateChannel(_ name: String, at span: SourceSpan) -> Self {
        self.error(
            516,
            "two channels are named '\(name)'",
            at: span,
            help: "move this one to 'channels:' and rename it"
        )
    }

    package static func badMailServer(_ server: String, at span: SourceSpan) -> Self {
        self.error(
            517,
            "'\(server)' is no mail server",
            at: span,
            help: "write smtp://mail.example.com:587, or smtps://mail.example.com:465"
        )
    }

    package static func badMailAddress(_ address: String, at span: SourceSpan) -> Self {
        self.error(
            518,
            "'\(address)' is no mail address",
            at: span,
            help: "write name@example.com or Name <name@example.com>"
        )
    }

    package static func badWebAddress(in channel: String, at span: SourceSpan) -> Self {
        self.error(519, "\(channel) has no web address here", at: span, help: "write https://host/path")
    }

    package static func secretInFile(_ key: String, at span: SourceSpan) -> Self {
        self.warning(
            520,
            "'\(key)' is a secret, and everyone who reads this file reads it",
            at: span,
            help: "keep it in the environment and write \"${NAME}\" here, or in a file: \"${file:/etc/selfheal/NAME}\""
        )
    }

    package static func passwordInTheOpen(at span: SourceSpan) -> Self {
        self.error(
            521,
            "the password would travel unencrypted",
            at: span,
            help: "write 'tls: required', or leave 'tls' out; only a server on this machine may go without"
        )
    }

    package static func noRecipients(at span: SourceSpan) -> Self {
        self.error(523, "the mail goes to nobody", at: span, help: "name who gets it: to: [oncall@example.com]")
    }

    // MARK: Watching

    package static func badSpan(_ key: String, _ text: String, least: Milliseconds, at span: SourceSpan) -> Self {
        self.error(
            533,
            "'\(text)' is no duration for '\(key)'",
            at: span,
            help: least == .zero
                ? "write it like 30s, 5m or 1h30m" : "write it like 30s, 5m or 1h30m, and at least \(least)"
        )
    }

    package static func lookLongerThanInterval(
        _ timeout: Milliseconds,
        _ every: Milliseconds,
        at span: SourceSpan,
        interval: SourceSpan? = nil
    ) -> Self {
        self.error(
            534,
            "a look may take \(timeout), and the next one is due after \(every)",
            at: span,
            notes: interval.map { [Note(message: "the interval is here", span: $0)] } ?? [],
            help: "make 'timeout' shorter than 'interval', or nodes are seen late whenever one does not answer"
        )
    }

    package static func badApprover(_ text: String, at span: SourceSpan) -> Self {
        self.error(535, "'\(text)' names nobody", at: span, help: "write role:NAME or person:NAME")
    }

    package static func nobodyToAsk(_ approver: Approver, _ people: [Person], at span: SourceSpan) -> Self {
        let known =
            switch approver {
            case _ where people.isEmpty: "the configuration has no 'people:'; name them with their roles"
            case .role: "roles of 'people:': " + Set(people.flatMap(\.roles)).sorted().joined(separator: ", ")
            case .person: "people there: " + people.map(\.name.text).joined(separator: ", ")
            }
        return self.error(536, "nobody of 'people:' is \(approver.text)", at: span, help: known)
    }

    package static func unknownWatchChannel(_ name: String, known: [String], at span: SourceSpan) -> Self {
        self.error(
            537,
            "there is no channel '\(name)'",
            at: span,
            help: known.isEmpty
                ? "'notifications: { channels: … }' has none" : "channels here: \(known.joined(separator: ", "))"
        )
    }

    package static func badWindow(_ what: String, at span: SourceSpan) -> Self {
        self.error(
            544,
            what,
            at: span,
            help: "write { from: 2026-11-22 01:00, to: 2026-11-22 03:00 }, or { cron: \"0 2 * * sun\", lasts: 2h }"
        )
    }

    package static func badClockTime(_ text: String, at span: SourceSpan) -> Self {
        self.error(
            545,
            "'\(text)' is no time",
            at: span,
            help: "write it as clocks of 'timezone' show it (UTC unless it is said): 2026-11-22 03:30"
        )
    }

    package static func badWindowTime(_ message: String, _ help: String, at span: SourceSpan) -> Self {
        self.error(546, message, at: span, help: help)
    }

    // MARK: HTTP

    package static func badListenAddress(_ text: String, at span: SourceSpan) -> Self {
        self.error(
            540,
            "'\(text)' is no place to listen at",
            at: span,
            help: "write an address of this machine and a port: 127.0.0.1:9480, 0.0.0.0:9480, \"[::1]:9480\""
        )
    }

    package static func noKeyOrTwo(_ what: String, at span: SourceSpan) -> Self {
        self.error(
            541,
            "\(what) has no key, or two",
            at: span,
            help: "write token: \"${NAME}\", or signing_key: \"${NAME}\""
        )
    }

    package static func openToEverybody(_ address: String, at span: SourceSpan) -> Self {
        self.error(
            542,
            "whoever reaches \(address) could start runbooks with an alert",
            at: span,
            help: "say who may: alertmanager: { token: \"${NAME}\" }; or listen at 127.0.0.1"
        )
    }

    package static func shortSecret(_ what: String, least: Int, at span: SourceSpan) -> Self {
        self.error(
            543,
            "the key of \(what) can be guessed",
            at: span,
            help: "take at least \(least) bytes, such as what 'openssl rand -hex 32' prints"
        )
    }

    // MARK: Keys

    package static func sameMeaning(
        _ key: String,
        _ other: String,
        at span: SourceSpan,
        first: SourceSpan
    ) -> Self {
        self.error(
            522,
            "'\(key)' and '\(other)' say the same thing",
            at: span,
            notes: [Note(message: "'\(other)' is here", span: first)],
            help: "keep one of them"
        )
    }

    static func error(
        _ number: UInt16,
        _ message: String,
        at span: SourceSpan,
        notes: [Note] = [],
        help: String
    ) -> Self {
        Self(code: Code(number), severity: .error, message: message, span: span, notes: notes, help: help)
    }

    private static func warning(_ number: UInt16, _ message: String, at span: SourceSpan, help: String) -> Self {
        Self(code: Code(number), severity: .warning, message: message, span: span, help: help)
    }
}
