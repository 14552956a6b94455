// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Makes a host unreachable as a cut cable would, without the rights to touch the machine's network.
///
/// Every process of the host stands still, so that nothing it was asked is answered and no connection says goodbye.
/// Then the queues of its listeners are filled, and from there on the kernel drops whoever knocks: connecting times
/// out, as on a dead link. No process ends and no file changes.
///
/// What differs from a real cut: the host's own processes do not see time pass, so that a member does not notice by
/// itself that it lost its peers. It notices when it wakes.
struct NetworkCut: Sendable {
    let layout: Layout
    let record: LabRecord
    let host: LabRecord.Host

    /// OpenSSH asks for a queue of 128; no listener here has a longer one.
    static let queueLimit = 512
    static let patience: Duration = .seconds(30)
    /// Loopback answers in microseconds; whatever takes this long was dropped, or the machine is busy.
    static let knockMilliseconds = 200
    /// Whoever is dropped twice, the second time for longer, is not just waiting for a busy machine.
    static let secondKnockMilliseconds = 1_000

    /// Freezes the host, then fills its queues.
    func make() throws(PracticeClusterError) -> String {
        let end = ContinuousClock.now + Self.patience
        // sshd may just then fork a child for somebody: look again until all that is there stands still.
        var processes: [ProcessTable.Entry] = []
        repeat {
            processes = self.processes()
            for process in processes where !process.isFrozen {
                process.identity.send(SIGSTOP)
            }
            for process in processes {
                _ = process.identity.waitUntilFrozen(until: end)
            }
        } while ContinuousClock.now < end && !self.processes().allSatisfy(\.isFrozen)
        guard self.processes().allSatisfy(\.isFrozen) else {
            throw PracticeClusterError(.timedOut, "the processes of \(self.host.name) do not stand still")
        }
        for port in [self.record.ports.ssh, self.record.ports.client, self.record.ports.admin] {
            try self.fillQueue(port)
        }
        return "cut \(self.host.name) off (\(processes.count) processes stand still)"
    }

    private func processes() -> [ProcessTable.Entry] {
        ProcessTable.read().ofLab(
            self.layout,
            host: self.host.name,
            known: self.layout.host(self.host.name).recordedProcesses
        )
    }

    /// Connects until a connection is not answered.
    ///
    /// The connections are closed again, and stay in the queue all the same until the frozen process takes them out.
    private func fillQueue(_ port: UInt16) throws(PracticeClusterError) {
        for _ in 0..<Self.queueLimit {
            let address = SocketAddress(address: self.host.address, port: port)
            switch Self.knock(address, milliseconds: Self.knockMilliseconds) {
            case .accepted: continue
            case .refused: return
            case .dropped:
                guard Self.knock(address, milliseconds: Self.secondKnockMilliseconds) == .accepted else {
                    return
                }
            }
        }
        throw PracticeClusterError(
            .timedOut,
            "\(self.host.name) still takes connections at port \(port) after \(Self.queueLimit) of them"
        )
    }

    private enum Knock {
        case accepted
        /// Nobody listens: there is nothing to cut, and nothing that would answer.
        case refused
        case dropped
    }

    /// What the kernel did with a connection.
    private static func knock(_ address: SocketAddress, milliseconds: Int) -> Knock {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else {
            return .dropped
        }
        defer { close(descriptor) }
        var patience = timeval(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        if address.withPointer({ connect(descriptor, $0, $1) }) == 0 {
            return .accepted
        }
        return errno == ECONNREFUSED ? .refused : .dropped
    }
}
