// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension PracticeCluster {
    /// How long processes may take to end by themselves before they are killed.
    static let downGrace: Duration = .seconds(2)
    /// How long a killed process may take to be gone; a large one on a busy machine takes a while to be torn down.
    static let killPatience: Duration = .seconds(10)
    /// A process can start another between our look and our signal; so many looks are enough for that.
    static let downRounds = 5

    /// Ends every process of the lab and removes its folder.
    ///
    /// Fine to repeat: without a folder there is nothing to do. A folder that is not a lab is left alone.
    /// The answer is whether there was a lab.
    @discardableResult
    package static func down(
        folder: String = LabOptions.defaultFolder,
        progress: @escaping @Sendable (String) -> Void = { _ in }
    ) async throws(PracticeClusterError) -> Bool {
        let layout = Layout(folder: folder)
        guard Files.exists(folder) else {
            return false
        }
        try layout.requireMarker()
        let ended = try await Blocking.run { () throws(PracticeClusterError) in
            try Self.endProcesses(of: layout)
        }
        progress("ended \(ended) processes")
        try await Blocking.run { () throws(PracticeClusterError) in
            try Self.removeFolder(layout)
        }
        progress("removed \(folder)")
        return true
    }

    private static func endProcesses(of layout: Layout) throws(PracticeClusterError) -> Int {
        var ended: Set<ProcessIdentity> = []
        for round in 0..<Self.downRounds {
            let table = ProcessTable.read()
            let processes = table.ofLab(layout, known: layout.recordedProcesses)
            guard !processes.isEmpty else {
                return ended.count
            }
            let ancestry = table.ownAncestry
            guard !processes.contains(where: { ancestry.contains($0.identity.pid) }) else {
                throw PracticeClusterError(
                    .insideLab,
                    "this command runs on a host of the practice cluster in '\(layout.folder)' and would end itself; "
                        + "run it from outside"
                )
            }
            let identities = processes.map(\.identity)
            ended.formUnion(identities)
            if round == 0 {
                // The frozen ones wake up to their own end.
                for identity in identities {
                    identity.send(SIGTERM)
                    identity.send(SIGCONT)
                }
                let end = ContinuousClock.now + Self.downGrace
                for identity in identities {
                    _ = identity.waitUntilGone(until: end)
                }
            }
            for identity in identities {
                identity.send(SIGKILL)
            }
            let end = ContinuousClock.now + Self.killPatience
            for identity in identities {
                _ = identity.waitUntilGone(until: end)
            }
        }
        let left = ProcessTable.read().ofLab(layout, known: layout.recordedProcesses).map {
            String($0.identity.pid)
        }
        guard left.isEmpty else {
            throw PracticeClusterError(
                .leftovers,
                "the processes \(left.joined(separator: ", ")) of '\(layout.folder)' cannot be ended; "
                    + "the folder is kept, so that 'selfheal lab down\(layout.option)' can be tried again"
            )
        }
        return ended.count
    }

    /// The marker goes last, so that a removal that fails halfway can be repeated.
    private static func removeFolder(_ layout: Layout) throws(PracticeClusterError) {
        let marker = ".selfheal-lab"
        for name in Files.names(in: layout.folder) where name != marker {
            try Files.remove("\(layout.folder)/\(name)")
        }
        try Files.remove(layout.marker)
        try Files.remove(layout.folder)
    }
}

extension Layout {
    /// What the lab wrote down about its processes; some of them may be gone.
    var recordedProcesses: [ProcessIdentity] {
        Files.names(in: self.hosts).flatMap { self.host($0).recordedProcesses }
    }
}

extension HostLayout {
    var recordedProcesses: [ProcessIdentity] {
        let services = Service.allCases.compactMap { ProcessIdentity(pidFile: self.pidFile($0)) }
        let orphans = (Files.readText(self.orphans) ?? "").split(separator: "\n")
        return services + orphans.compactMap { ProcessIdentity(line: $0) }
    }
}
