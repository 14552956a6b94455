// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookSource
import RunbookYAML

/// How nodes are reached unless they say otherwise.
struct DefaultAccess {
    /// Whether the configuration means to run anything over SSH at all.
    var isGiven = false
    var user: String?
    var port: Int?
    var identityFile: String?
    var proof = SSHProof()
    var knownHosts: String?
    var jump: [Spanned<String>]?
    var become: Become?
    var becomeByRole: [String: Become] = [:]
    /// Hosts that nothing is run on, and that others are reached through.
    var jumpHosts: [JumpHost] = []
}

extension ConfigurationReader {
    func defaultAccess(_ node: YAMLNode) -> DefaultAccess? {
        guard var reader = MappingReader(node, what: "'ssh'", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        var access = DefaultAccess(
            isGiven: true,
            user: self.user(&reader),
            port: reader.port("port")?.value,
            identityFile: reader.text("identity_file").map { self.folders.resolve($0) },
            proof: self.proof(&reader),
            knownHosts: self.knownHosts(&reader),
            jump: reader.texts("jump"),
            become: self.become(&reader)
        )
        for (role, node) in reader.named("roles", "a mapping of roles to how their nodes are reached") ?? [] {
            guard var inner = MappingReader(node, what: "role '\(role.value)'", sink: self.sink) else { continue }
            access.becomeByRole[role.value] = self.become(&inner)
            inner.finish()
        }
        for (name, node) in reader.named("jump_hosts", "a mapping of names to jump hosts") ?? [] {
            if let host = self.jumpHost(name, node, access) {
                access.jumpHosts.append(host)
            }
        }
        return access
    }

    /// How commands reach one node; nothing when the configuration does not say.
    func access(
        to name: String,
        _ own: YAMLNode?,
        host: String,
        at span: SourceSpan,
        roles: [String] = [],
        _ defaults: DefaultAccess
    ) -> SSHAccess? {
        // A known-hosts file may pin a node that says nothing itself.
        let implied = YAMLNode(kind: .mapping([]), span: span)
        guard let own = own ?? (defaults.knownHosts == nil ? nil : implied) else {
            if defaults.isGiven {
                self.sink.report(.noHostKey(name, at: span))
            }
            return nil
        }
        guard var reader = MappingReader(own, what: "'ssh' of '\(name)'", sink: self.sink) else {
            return nil
        }
        defer { reader.finish() }
        let address = reader.text("address").flatMap(self.host)?.value ?? host
        let port = reader.port("port")?.value ?? defaults.port ?? 22
        let user = self.user(&reader) ?? defaults.user
        let identity = reader.text("identity_file").map { self.folders.resolve($0) } ?? defaults.identityFile
        let keys = reader.texts("host_key", or: "host_keys")
        let proof = self.proof(&reader, defaults.proof)
        let knownHosts = self.knownHosts(&reader) ?? defaults.knownHosts
        let jump = reader.texts("jump") ?? defaults.jump
        let become =
            self.become(&reader) ?? roles.lazy.compactMap { defaults.becomeByRole[$0] }.first ?? defaults.become
        let help = "or give it once for all nodes, in 'ssh:' at the top"
        if user == nil {
            _ = reader.require("user", because: help)
        }
        if identity == nil, !proof.wantsAgent {
            _ = reader.require("identity_file", because: help)
        }
        if knownHosts == nil, keys == nil || keys?.isEmpty == true, reader.take("host_key") == nil {
            self.sink.report(.noHostKey(name, at: reader.span))
        }
        guard let user, identity != nil || proof.agent != nil else {
            return nil
        }
        let hostKeys = (keys ?? []).compactMap(self.hostKey)
        var access = SSHAccess(
            address: address,
            port: port,
            user: user,
            hostKeys: hostKeys,
            identityFile: proof.agent == nil ? identity ?? "" : ""
        )
        access.passphrase = proof.agent == nil ? proof.passphrase : nil
        access.agent = proof.agent
        access.knownHosts = knownHosts
        access.become = become
        if let jump, jump.map(\.value) != ["none"] {
            self.wanted.jumps[name] = jump
        }
        return access
    }

    func user(_ reader: inout MappingReader) -> String? {
        reader.text("user").flatMap { self.name($0, "user") }?.value
    }

    private func hostKey(_ text: Spanned<String>) -> String? {
        if let problem = HostKey.problem(with: text.value) {
            self.sink.report(.badHostKey(problem, at: text.span))
            return nil
        }
        return text.value
    }

    // MARK: Services

    /// `zookeeper: { start: [systemctl, start, zookeeper] }`, `kafka: systemctl` or `kafka: { systemctl: kafka.service }`.
    func service(name: Spanned<String>, node: YAMLNode) -> Service? {
        guard self.name(name, "service") != nil else {
            return nil
        }
        if node.scalar != nil {
            return self.serviceByWord(name.value, node)
        }
        let help = "write 'systemctl', or a command for each of \(Self.verbs.joined(separator: ", "))"
        let what = "service '\(name.value)'"
        guard var reader = MappingReader(node, what: what, sink: self.sink, help: help) else {
            return nil
        }
        defer { reader.finish() }
        var service = Service(name: name.value, commands: [:])
        if let unit = reader.text("systemctl").flatMap({ self.name($0, "unit") }) {
            service.commands = Self.systemctl(unit.value)
        }
        for verb in Self.verbs {
            if let words = self.command(verb, &reader) {
                service.commands[verb] = words
            }
        }
        return service
    }

    private static let verbs = ServiceVerb.allCases.map(\.rawValue)

    /// Ways to run services that a word stands for.
    private enum ServiceWord: String, CaseIterable {
        case systemctl
    }

    private func serviceByWord(_ name: String, _ node: YAMLNode) -> Service? {
        guard let reader = MappingReader.forTexts(self.sink, at: node.span),
            reader.word(node, name, ServiceWord.self) != nil
        else {
            return nil
        }
        return Service(name: name, commands: Self.systemctl(name))
    }

    private static func systemctl(_ unit: String) -> [String: [String]] {
        var commands: [String: [String]] = [:]
        for verb in self.verbs {
            commands[verb] = ["systemctl", verb, unit]
        }
        return commands
    }

    private func command(_ verb: String, _ reader: inout MappingReader) -> [String]? {
        guard let node = reader.take(verb) else {
            return nil
        }
        guard case .sequence(let elements) = node.kind else {
            let help = "write [systemctl, \(verb), kafka]: every word arrives as it is, and no shell reads it"
            self.sink.report(.wrongShape("'\(verb)'", needed: "a list of words", found: node, help: help))
            return nil
        }
        if elements.isEmpty {
            self.sink.report(.emptyCommand(verb, at: node.span))
        }
        return elements.compactMap { reader.text($0, verb)?.value }
    }
}
