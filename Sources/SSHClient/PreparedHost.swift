// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// What we prove ourselves with, ready for use.
enum Proof: Sendable {
    case key(PrivateKey)
    case agent(SSHAgent, SSHPublicKey)
}

/// What connecting to a host needs and may block: its addresses, its keys and ours.
struct PreparedHost: Sendable {
    /// None for a host behind a jump host, which resolves the name itself.
    let addresses: [SocketAddress]
    let pins: HostKeyPins
    let proof: Proof
}

/// Resolves names and reads key files on threads of its own, so that neither the driver nor Swift's
/// cooperative pool waits for a name server or a disk.
///
/// Threads exist only while there is work. The driver asks at most once per host at a time, so a name
/// that does not resolve holds one thread.
final class PreparationRoom: Sendable {
    /// How many hosts may be in preparation at once; the others wait, within their own time limits.
    static let threadLimit = 16

    private struct State {
        var waiting: [SSHHost] = []
        var threads = 0
    }

    private let state = Mutex(State())
    private let keys = KeyCabinet()
    private let knownHosts = KnownHostsShelf()
    private let mailbox: Mailbox

    init(mailbox: Mailbox) {
        self.mailbox = mailbox
    }

    /// The answer comes by mail.
    func prepare(_ host: SSHHost) {
        let needsThread = self.state.withLock { state in
            state.waiting.append(host)
            guard state.threads < Self.threadLimit else { return false }
            state.threads += 1
            return true
        }
        guard needsThread else { return }
        guard BackgroundThread.start(name: "ssh.prepare", { self.work() }) else {
            // Without a thread the work has to be done somewhere, and late is better than never.
            self.work()
            return
        }
    }

    /// Has the agent sign, on a thread of its own because its owner may be asked first; the answer comes by mail.
    func sign(_ request: [UInt8], with agent: SSHAgent, for session: UInt64) {
        let work: @Sendable () -> Void = {
            let answer = Result { () throws(SSHAgent.Failure) in try agent.ask(request) }
            self.mailbox.post(.signed(session, answer))
        }
        if !BackgroundThread.start(name: "ssh.agent", work) {
            self.mailbox.post(.signed(session, .failure(SSHAgent.Failure(message: "there is no thread left"))))
        }
    }

    private func proof(for host: SSHHost) throws(SSHError) -> Proof {
        switch host.identity {
        case .keyFile(let path, let passphrase):
            return .key(try self.keys.key(for: host, path, passphrase))
        case .agent(let socket, let publicKey):
            let agent = SSHAgent(path: socket)
            let label = "the ssh-agent at '\(SSHHost.printable(socket, limit: 200))' for \(host.label)"
            do {
                guard try agent.holds(publicKey) else {
                    throw SSHError(
                        .agentUnavailable,
                        "\(label) has no key \(publicKey.type) \(publicKey.fingerprint); add it with 'ssh-add'"
                    )
                }
            } catch let failure as SSHAgent.Failure {
                throw SSHError(.agentUnavailable, "\(label) cannot be used: \(failure.message)")
            } catch let error as SSHError {
                throw error
            } catch {
                throw SSHError(.agentUnavailable, "\(label) cannot be used")
            }
            return .agent(agent, publicKey)
        }
    }

    private func work() {
        while let host = self.next() {
            self.mailbox.post(.prepared(host, self.answer(for: host)))
        }
    }

    private func next() -> SSHHost? {
        self.state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.threads -= 1
                return nil
            }
            return state.waiting.removeFirst()
        }
    }

    private func answer(for host: SSHHost) -> Result<PreparedHost, SSHError> {
        Result { () throws(SSHError) in
            // The name first: it is the first thing that one wants to know of a host that cannot be reached.
            let addresses = host.jumps.isEmpty ? try SocketAddress.resolve(host) : []
            let pins = try self.knownHosts.pins(for: host)
            let proof = try self.proof(for: host)
            return PreparedHost(addresses: addresses, pins: pins, proof: proof)
        }
    }
}

/// An address that `connect` takes, and how to write it.
struct SocketAddress: Sendable {
    let family: CInt
    let bytes: [UInt8]
    /// Numeric, without the port.
    let text: String

    /// How many of a name's addresses are tried.
    private static let addressLimit = 8

    /// Blocks for as long as the resolver likes.
    static func resolve(_ host: SSHHost) throws(SSHError) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = AF_UNSPEC
        unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICSERV
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host.address, String(host.port), &hints, &list)
        defer {
            if let list = unsafe list {
                unsafe freeaddrinfo(list)
            }
        }
        var addresses: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next, addresses.count < Self.addressLimit {
            if let address = unsafe SocketAddress(entry.pointee) {
                addresses.append(address)
            }
            unsafe next = entry.pointee.ai_next
        }
        guard status == 0, !addresses.isEmpty else {
            let reason = unsafe status == 0 ? "it has no address" : String(cString: gai_strerror(status))
            throw SSHError(
                .nameNotFound,
                "the name of \(host.label) does not resolve (\(reason)); check the address in the inventory, or DNS"
            )
        }
        return addresses
    }

    @unsafe private init?(_ entry: addrinfo) {
        guard let address = unsafe entry.ai_addr else { return nil }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let status = unsafe getnameinfo(
            address,
            entry.ai_addrlen,
            &text,
            socklen_t(text.count),
            nil,
            0,
            NI_NUMERICHOST
        )
        guard status == 0 else { return nil }
        unsafe self.family = entry.ai_family
        unsafe self.bytes = Array(UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen)))
        self.text = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
