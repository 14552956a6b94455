// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import RunPlan
import SSHClient

/// Where commands are run, and receipts of them kept.
extension ReceiptCommandRunner {
    struct Place: Sendable {
        let name: String
        let transport: any ShellTransport
        let store: ReceiptStore
    }

    struct PlaceError: Error {
        let message: String
    }
}

extension ReceiptCommandRunner.Place {
    /// The engine's own machine, with its receipts in `folder`.
    init(onThisMachine folder: String) throws(ReceiptCommandRunner.PlaceError) {
        do throws(ReceiptError) {
            let store = try ReceiptStore(folder: folder, access: .direct)
            self.init(name: "the engine's machine", transport: LocalTransport(), store: store)
        } catch {
            throw ReceiptCommandRunner.PlaceError(message: "\(error)")
        }
    }

    init(of node: Node, family: String, through client: SSHClient) throws(ReceiptCommandRunner.PlaceError) {
        let host: SSHHost
        do throws(SSHHosts.Problem) {
            host = try SSHHosts().host(of: node)
        } catch {
            throw ReceiptCommandRunner.PlaceError(message: error.message)
        }
        do throws(ReceiptError) {
            self.init(
                name: ReceiptCommandRunner.placeName(of: node),
                transport: SSHTransport(client: client, host: host),
                store: try ReceiptCommandRunner.store(of: node, family: family)
            )
        } catch {
            throw ReceiptCommandRunner.PlaceError(message: "\(error)")
        }
    }
}

extension SSHAccess {
    /// Whether all that it says stays true: passphrases and an agent's place are looked up for each command.
    var needsNoSecret: Bool {
        let all = [self] + (self.jumps ?? []).map(\.access)
        return all.allSatisfy { $0.passphrase == nil && $0.agent == nil }
    }
}
