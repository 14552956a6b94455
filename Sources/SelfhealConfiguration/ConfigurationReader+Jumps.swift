// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML

/// A host that others are reached through.
struct JumpHost {
    let name: Spanned<String>
    let access: SSHAccess
}

/// Which ways were asked for, by the name of who is at their end.
final class WantedJumps {
    var jumps: [String: [Spanned<String>]] = [:]
}

extension ConfigurationReader {
    private static let jumpLimit = 3

    func jumpHost(_ name: Spanned<String>, _ node: YAMLNode, _ defaults: DefaultAccess) -> JumpHost? {
        guard self.name(name, "jump host") != nil, node.mapping != nil else {
            _ = MappingReader(node, what: "jump host '\(name.value)'", sink: self.sink)
            return nil
        }
        guard let address = node.mapping?.first(where: { $0.key.text == "address" })?.value.scalar?.text else {
            _ = MappingReader(node, what: "jump host '\(name.value)'", sink: self.sink).map { reader in
                var reader = reader
                _ = reader.require("address", because: "say where it is: address: bastion.example.com")
            }
            return nil
        }
        var own = defaults
        own.jump = nil
        own.become = nil
        own.becomeByRole = [:]
        return self.access(to: name.value, node, host: address, at: name.span, own).map { access in
            JumpHost(name: name, access: access)
        }
    }

    /// The nodes with their ways, which lead over jump hosts and over nodes.
    func withJumps(_ nodes: [Node], _ defaults: DefaultAccess) -> [Node] {
        var places: [String: SSHAccess] = [:]
        for node in nodes {
            places[node.name.text] = node.ssh
        }
        for host in defaults.jumpHosts {
            if nodes.contains(where: { $0.name.text == host.name.value }) {
                self.sink.report(.jumpHostNamedLikeNode(host.name.value, at: host.name.span))
            }
            places[host.name.value] = host.access
        }
        return nodes.map { node in
            var node = node
            if node.ssh != nil, let jumps = self.wanted.jumps[node.name.text] {
                node.ssh?.jumps = self.way(over: jumps, to: node.name.text, places)
            }
            return node
        }
    }

    private func way(
        over jumps: [Spanned<String>],
        to name: String,
        _ places: [String: SSHAccess]
    ) -> [JumpAccess]? {
        var names: [String] = []
        var next: [Spanned<String>]? = jumps
        var seen: Set<String> = [name]
        // Each round goes one place nearer to us, and no place is passed twice.
        while let hops = next, let first = hops.first {
            for hop in hops.reversed() {
                guard places[hop.value] != nil else {
                    self.sink.report(.unknownJump(hop.value, known: places.keys.sorted(), at: hop.span))
                    return nil
                }
                guard seen.insert(hop.value).inserted else {
                    self.sink.report(.jumpLoop(hop.value, to: name, at: hop.span))
                    return nil
                }
                names.insert(hop.value, at: 0)
            }
            guard names.count <= Self.jumpLimit else {
                self.sink.report(.tooManyJumps(names.count, to: name, at: first.span))
                return nil
            }
            next = self.wanted.jumps[first.value]
        }
        return names.compactMap { name in places[name].map { JumpAccess(name: name, access: $0) } }
    }

    // MARK: Proof and user

    /// Relative to the configuration's folder.
    func knownHosts(_ reader: inout MappingReader) -> String? {
        reader.text("known_hosts").map { self.folders.resolve($0) }
    }

    func proof(_ reader: inout MappingReader, _ defaults: SSHProof = SSHProof()) -> SSHProof {
        let hasOwnFile = reader.pair("identity_file") != nil
        let passphrase = reader.text("passphrase").flatMap(self.secretSource)
        var proof = SSHProof(passphrase: passphrase ?? (hasOwnFile ? nil : defaults.passphrase))
        guard let pair = reader.pair("agent") else {
            _ = reader.take("public_key")
            proof.agent = hasOwnFile ? nil : defaults.agent
            proof.wantsAgent = !hasOwnFile && defaults.wantsAgent
            return proof
        }
        let key = reader.text("public_key")
        let word = reader.text(pair.value, "agent")
        guard let word, word.value != "false" else {
            return proof
        }
        proof.wantsAgent = true
        guard let key else {
            self.sink.report(.agentWithoutKey(at: pair.key.span))
            return proof
        }
        if let problem = HostKey.problem(with: key.value) {
            self.sink.report(.badPublicKey(problem, at: key.span))
            return proof
        }
        let socket = word.value == "true" ? nil : self.folders.resolve(word)
        proof.agent = AgentAccess(socket: socket, publicKey: key.value)
        return proof
    }

    /// `${NAME}` or `${file:PATH}`, and nothing else.
    private func secretSource(_ text: Spanned<String>) -> SecretSource? {
        guard text.value.hasPrefix("${"), text.value.hasSuffix("}"), text.value.utf8.count > 3 else {
            self.sink.report(.passphraseInFile(at: text.span))
            return nil
        }
        let name = String(text.value.dropFirst(2).dropLast())
        if name.hasPrefix("file:"), name.utf8.count > 5 {
            return .file(self.folders.resolve(Spanned(String(name.dropFirst(5)), at: text.span)))
        }
        guard name.utf8.allSatisfy({ $0 == UInt8(ascii: "_") || Characters.isLetterOrDigit($0) }) else {
            self.sink.report(.passphraseInFile(at: text.span))
            return nil
        }
        return .variable(name)
    }

    /// `become: kafka` or `become: { user: kafka, method: sudo, receipts: /var/lib/kafka/receipts }`.
    func become(_ reader: inout MappingReader) -> Become? {
        guard let node = reader.take("become") else {
            return nil
        }
        guard node.mapping != nil else {
            return reader.text(node, "become").flatMap { self.name($0, "user") }.map { Become(user: $0.value) }
        }
        guard var inner = MappingReader(node, what: "'become'", sink: self.sink) else {
            return nil
        }
        defer { inner.finish() }
        let user = inner.requiredText("user", because: "say who runs commands: user: kafka").flatMap {
            self.name($0, "user")
        }
        let method = inner.word("method", BecomeMethod.self)
        let receipts = inner.text("receipts")
        if let receipts, !receipts.value.hasPrefix("/") {
            self.sink.report(.relativeFolder("receipts", receipts.value, at: receipts.span))
        }
        return user.map { Become(user: $0.value, method: method?.value ?? .sudo, receipts: receipts?.value) }
    }
}

/// What a login proves itself with, beside a key file.
struct SSHProof {
    var passphrase: SecretSource?
    var agent: AgentAccess?
    /// Also where the agent's key could not be read, which is then said once.
    var wantsAgent = false
}
