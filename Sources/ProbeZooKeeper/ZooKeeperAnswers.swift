// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import Probes

/// What can be asked about one member.
package enum ZooKeeperQuestion: String, CaseIterable, Hashable, Sendable {
    case srvr
    case mntr
    /// Over the AdminServer.
    case zabState = "zabstate"
    /// Over SSH, by ``DiskStateScript``.
    case diskEpoch = "disk_epoch"
    /// Over a session of its own, and so the question that proves most.
    case clusterID = "cluster_id"
}

/// What came back, `nil` for what was not asked.
package struct ZooKeeperAnswers: Hashable, Sendable {
    package enum ClusterID: Hashable, Sendable {
        case found(String)
        /// The member serves, and the tree has no `/cluster/id`.
        case absent
        case failed(ZooKeeperSessionError)
    }

    package var srvr: FourLetterAnswer?
    package var mntr: FourLetterAnswer?
    package var zabState: AdminAnswer?
    package var disk: ZooKeeperDiskState?
    package var clusterID: ClusterID?

    package init(
        srvr: FourLetterAnswer? = nil,
        mntr: FourLetterAnswer? = nil,
        zabState: AdminAnswer? = nil,
        disk: ZooKeeperDiskState? = nil,
        clusterID: ClusterID? = nil
    ) {
        self.srvr = srvr
        self.mntr = mntr
        self.zabState = zabState
        self.disk = disk
        self.clusterID = clusterID
    }
}

/// Asks one member over the network, all questions at once.
///
/// The disk is not asked here, because that goes over SSH: whoever holds a connection runs ``DiskStateScript`` and puts the
/// result into ``ZooKeeperAnswers/disk``.
package struct ZooKeeperProbe: Hashable, Sendable {
    package var address: String
    package var clientPort: UInt16
    /// `nil` if the AdminServer is switched off; then `zabstate` is not asked.
    package var adminPort: UInt16?
    /// For each question.
    package var timeout: Duration

    package init(address: String, clientPort: UInt16, adminPort: UInt16? = nil, timeout: Duration) {
        self.address = address
        self.clientPort = clientPort
        self.adminPort = adminPort
        self.timeout = timeout
    }

    package func ask(_ questions: Set<ZooKeeperQuestion>, using prober: SocketProber) async -> ZooKeeperAnswers {
        // What monitors ask many times a second, without a task for each question that could have been asked, too.
        if questions == [.srvr] {
            return ZooKeeperAnswers(srvr: await self.say(.srvr, using: prober))
        }
        async let srvr = questions.contains(.srvr) ? self.say(.srvr, using: prober) : nil
        async let mntr = questions.contains(.mntr) ? self.say(.mntr, using: prober) : nil
        async let zabState = questions.contains(.zabState) ? self.command(.zabState, using: prober) : nil
        async let clusterID = questions.contains(.clusterID) ? self.readClusterID(using: prober) : nil
        return ZooKeeperAnswers(
            srvr: await srvr,
            mntr: await mntr,
            zabState: await zabState,
            clusterID: await clusterID
        )
    }

    /// Sends one four-letter word.
    package func say(_ word: FourLetterWord, using prober: SocketProber) async -> FourLetterAnswer {
        let exchange = word.exchange(with: self.address, port: self.clientPort, timeout: self.timeout)
        return FourLetterAnswer(await prober.exchange(exchange))
    }

    /// Asks the AdminServer, or nobody if it has no port.
    package func command(_ command: AdminCommand, using prober: SocketProber) async -> AdminAnswer? {
        guard let adminPort = self.adminPort else { return nil }
        let probe = command.probe(address: self.address, port: adminPort, timeout: self.timeout)
        return AdminAnswer(await probe.get(using: prober))
    }

    private func readClusterID(using prober: SocketProber) async -> ZooKeeperAnswers.ClusterID {
        do throws(ZooKeeperSessionError) {
            var session = try await ZooKeeperSession.open(
                address: self.address,
                port: self.clientPort,
                timeout: self.timeout,
                using: prober
            )
            let id = try await session.clusterID()
            // The answer stands, whether or not the goodbye arrives.
            try? await session.close()
            return id.map { .found($0) } ?? .absent
        } catch {
            return .failed(error)
        }
    }
}
