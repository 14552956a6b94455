// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The choice of 127.0.A.x, so that several labs can stand beside each other.
///
/// All of 127.0.0.0/8 is the loopback on Linux, so that every host can have an address of its own and the same ports.
enum LoopbackNetwork {
    /// 127.0.0.x and 127.0.1.x are used by Debian itself.
    static let choices = 2...254

    /// Members are .1, .2, …; brokers .11, .12, ….
    static func memberAddress(_ number: Int, network: Int) -> String { "127.0.\(network).\(number)" }
    static func brokerAddress(_ number: Int, network: Int) -> String { "127.0.\(network).\(10 + number)" }

    /// The first network, counting from one that the folder's name suggests, where nobody listens.
    ///
    /// Two labs started in the same instant could still choose the same; starting at different places makes that
    /// unlikely, and the later one then fails to start and is taken down again.
    static func choose(
        for folder: String,
        members: Int,
        brokers: Int,
        ports: LabOptions.Ports
    ) throws(PracticeClusterError) -> Int {
        let hash = folder.utf8.reduce(5381 as UInt64) { ($0 << 5) &+ $0 &+ UInt64($1) }
        let start = Int(hash % UInt64(Self.choices.count))
        var reason = ""
        for offset in 0..<Self.choices.count {
            let network = Self.choices.lowerBound + (start + offset) % Self.choices.count
            let memberSockets = (1...members).flatMap { number in
                [ports.ssh, ports.client, ports.quorum, ports.election, ports.admin].map { port in
                    (Self.memberAddress(number, network: network), port)
                }
            }
            let brokerSockets = (0..<brokers).flatMap { index in
                [ports.ssh, ports.broker].map { port in (Self.brokerAddress(index + 1, network: network), port) }
            }
            let taken = (memberSockets + brokerSockets).first { !Self.isFree(address: $0.0, port: $0.1) }
            guard let taken else {
                return network
            }
            reason = "\(taken.0):\(taken.1)"
        }
        throw PracticeClusterError(
            .portTaken,
            "every loopback network has a port in use, the last one looked at \(reason); stop what listens on all "
                + "addresses at that port, or choose other ports"
        )
    }

    static func isFree(address: String, port: UInt16) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            return false
        }
        defer { close(descriptor) }
        // Connections of an earlier lab that linger in TIME_WAIT do not hinder the servers either.
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        return SocketAddress(address: address, port: port).withPointer { bind(descriptor, $0, $1) } == 0
    }
}

/// An IPv4 address and port as the kernel wants them.
struct SocketAddress {
    private var storage = sockaddr_in()

    init(address: String, port: UInt16) {
        self.storage.sin_family = sa_family_t(AF_INET)
        self.storage.sin_port = port.bigEndian
        inet_pton(AF_INET, address, &self.storage.sin_addr)
    }

    func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        withUnsafePointer(to: self.storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
