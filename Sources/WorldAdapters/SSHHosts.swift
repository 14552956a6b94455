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
        guard let port = UInt16(exactly: access.port) else {
            throw Problem(message: "\(node.name): \(access.port) is no port")
        }
        var keys: [SSHPublicKey] = []
        for line in access.hostKeys {
            do throws(SSHPublicKey.FormatError) {
                keys.append(try SSHPublicKey(line: line))
            } catch {
                throw Problem(message: "\(node.name): its host key cannot be read: \(error)")
            }
        }
        return SSHHost(
            name: node.name.text,
            address: access.address,
            port: port,
            user: access.user,
            hostKeys: keys,
            identity: .keyFile(path: access.identityFile)
        )
    }
}
