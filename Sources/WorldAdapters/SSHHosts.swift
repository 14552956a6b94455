// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import SSHClient

/// Turns a node of the inventory into a host that commands can be sent to.
struct SSHHosts: Sendable {
    struct Problem: Error {
        let message: String
    }

    func host(of node: Node) throws(Problem) -> SSHHost {
        guard let access = node.ssh else {
            throw Problem(message: "the inventory does not say how \(node.name) is reached by SSH; give it 'ssh:'")
        }
        var host = try self.host(named: node.name.text, access)
        for jump in access.jumps ?? [] {
            host.jumps.append(try self.host(named: jump.name, jump.access))
        }
        return host
    }

    private func host(named name: String, _ access: SSHAccess) throws(Problem) -> SSHHost {
        guard let port = UInt16(exactly: access.port) else {
            throw Problem(message: "\(name): \(access.port) is no port")
        }
        var keys: [SSHPublicKey] = []
        for line in access.hostKeys {
            keys.append(try Self.key(line, of: name, "its host key"))
        }
        return SSHHost(
            name: name,
            address: access.address,
            port: port,
            user: access.user,
            hostKeys: keys,
            knownHosts: access.knownHosts,
            identity: try Self.identity(of: name, access)
        )
    }

    private static func identity(of name: String, _ access: SSHAccess) throws(Problem) -> SSHIdentity {
        if let agent = access.agent {
            guard let socket = agent.socket ?? SecretReading.variable("SSH_AUTH_SOCK") else {
                throw Problem(message: "\(name): there is no ssh-agent; the environment has no SSH_AUTH_SOCK")
            }
            return .agent(socket: socket, publicKey: try self.key(agent.publicKey, of: name, "the agent's public key"))
        }
        guard let source = access.passphrase else {
            return .keyFile(path: access.identityFile)
        }
        do throws(SecretReading.Problem) {
            let passphrase = SSHPassphrase(try SecretReading.read(source).reveal())
            return .keyFile(path: access.identityFile, passphrase: passphrase)
        } catch {
            throw Problem(message: "\(name): the passphrase of its key is not to be had: \(error.message)")
        }
    }

    private static func key(_ line: String, of name: String, _ what: String) throws(Problem) -> SSHPublicKey {
        do throws(SSHPublicKey.FormatError) {
            return try SSHPublicKey(line: line)
        } catch {
            throw Problem(message: "\(name): \(what) cannot be read: \(error)")
        }
    }
}
