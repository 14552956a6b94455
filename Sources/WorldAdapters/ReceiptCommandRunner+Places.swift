// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import RunPlan
import SSHClient
import SystemPackage

/// Where commands are run, and receipts of them kept.
extension ReceiptCommandRunner {
    struct Place: Sendable {
        let name: String
        let transport: any ShellTransport
        let store: ReceiptStore
        /// Where the store is, if that is on this machine.
        var folder: String?
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
            self.init(name: "the engine's machine", transport: LocalTransport(), store: store, folder: folder)
        } catch {
            throw ReceiptCommandRunner.PlaceError(message: "\(error)")
        }
    }

    /// What a store on this machine says of itself, which a shell would only read, too; nothing where there is none.
    ///
    /// Whether it may be used at all is looked at when something is started in it.
    var incarnationOnThisMachine: StoreIncarnation? {
        guard let folder = self.folder,
            let file = try? FileDescriptor.open(FilePath("\(folder)/.incarnation"), .readOnly)
        else {
            return nil
        }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 128)
        guard let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0) }),
            let end = bytes.prefix(count).firstIndex(of: UInt8(ascii: "\n"))
        else {
            return nil
        }
        return try? StoreIncarnation(String(decoding: bytes[..<end], as: UTF8.self))
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
