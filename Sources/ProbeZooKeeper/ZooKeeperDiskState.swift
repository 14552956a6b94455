// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What a member holds on its disk, and whether it can start from that.
///
/// Said of one moment: a running server goes on writing, and a torn record may be one that is being written.
package struct ZooKeeperDiskState: Hashable, Sendable {
    package enum Verdict: Hashable, Sendable {
        /// A server would start from this.
        case intact
        /// The directories were read, and there is neither a snapshot nor a log in them.
        case lost
        /// There is something, and a server would refuse to start from it, or drop part of it.
        case damaged(String)
        /// Not looked at, or not wholly: nothing may be concluded.
        case unknown(String)
    }

    package enum LastZxid: Hashable, Sendable {
        case exactly(Zxid)
        /// The end of the newest log could not be read, so there may be more.
        case atLeast(Zxid)

        package var value: Zxid {
            switch self {
            case .exactly(let zxid), .atLeast(let zxid): zxid
            }
        }

        package var isExact: Bool {
            if case .exactly = self { true } else { false }
        }
    }

    package var verdict: Verdict
    package var myID: Int?
    /// What votes are compared by first; -1 in an empty member that may not vote.
    package var currentEpoch: Int64?
    package var acceptedEpoch: Int64?
    package var lastZxid: LastZxid?
    /// Newest first, those that were looked into.
    package var snapshots: [SnapshotFile] = []
    /// The names of the logs, newest first, at most a hundred.
    package var logNames: [String] = []
    /// Where a marker lies that lets an empty member vote: `data`, `log`.
    package var initializeMarkers: [String] = []
    /// What an operator should know besides, one sentence each.
    package var notes: [String] = []

    /// For a disk that could not be looked at, such as when the host does not answer.
    package static func unknown(_ reason: String) -> Self {
        Self(verdict: .unknown(reason))
    }

    private init(verdict: Verdict) {
        self.verdict = verdict
    }

    /// Reads the output of ``DiskStateScript``; output that cannot be read makes the state unknown.
    package init(scriptOutput: [UInt8]) {
        do throws(UnreadableAnswer) {
            self.init(try DiskListing(parsing: scriptOutput))
        } catch {
            self = .unknown(error.description)
        }
    }

    init(_ listing: DiskListing) {
        self.verdict = .intact
        self.myID = listing.myID.flatMap { Int($0) }
        self.currentEpoch = listing.currentEpoch.flatMap { Int64($0) }
        self.acceptedEpoch = listing.acceptedEpoch.flatMap { Int64($0) }
        self.initializeMarkers = listing.initializeMarkers
        self.logNames = listing.logs.map(\.name)
        self.verdict = self.judge(listing)
    }

    // MARK: The verdict

    private mutating func judge(_ listing: DiskListing) -> Verdict {
        if let reason = Self.reasonNotSeen(listing) { return .unknown(reason) }
        guard listing.snapshotCount > 0 || listing.logCount > 0 else {
            // An empty mount point looks just like this.
            return self.myID == nil
                ? .unknown(
                    "the data directory holds neither myid nor data; is its disk mounted, and is the path right?"
                )
                : .lost
        }
        let snapshots = self.judgeSnapshots(listing)
        let logs = self.judgeLogs(listing, from: snapshots.zxid)
        return snapshots.trouble ?? logs ?? self.judgeEpochs(listing) ?? .intact
    }

    private static func reasonNotSeen(_ listing: DiskListing) -> String? {
        if let problem = listing.problems.first { return problem }
        let titles = [("data", "data directory"), ("log", "log directory")]
        for (name, title) in titles {
            switch listing.directories[name] {
            case .ok: break
            case .absent: return "the \(title) does not exist or cannot be seen; check the path"
            case .unreadable: return "the \(title) may not be read by the user of the connection"
            case .notADirectory: return "the \(title) is not a directory"
            case nil: return "the \(title) was not looked at"
            }
        }
        for (name, title) in titles {
            switch listing.directories["\(name)-version-2"] {
            case .ok, .absent: break
            case .unreadable: return "version-2 in the \(title) may not be read by the user of the connection"
            case .notADirectory: return "version-2 in the \(title) is not a directory"
            case nil: return "version-2 in the \(title) was not looked at"
            }
        }
        return nil
    }

    /// Finds the snapshot a server would start from, the way it does: the newest that is not broken.
    private mutating func judgeSnapshots(_ listing: DiskListing) -> (zxid: Zxid?, trouble: Verdict?) {
        guard let newest = listing.snapshots.first else {
            return (nil, .damaged("there are transaction logs and no snapshot; a server refuses to start from that"))
        }
        for file in listing.snapshots.prefix(DiskStateScript.newestLimit) {
            let check: SnapshotFile.Check =
                if file.name.hasSuffix(".gz") || file.name.hasSuffix(".snappy") {
                    .nameOnly
                } else if file.parts.count == 2 {
                    SnapshotFile.check(head: file.parts[0].bytes, tail: file.parts[1].bytes)
                } else {
                    SnapshotFile.check(head: file.parts.first?.bytes ?? [], tail: nil)
                }
            self.snapshots.append(SnapshotFile(name: file.name, zxid: file.zxid, size: file.size, check: check))
        }
        guard let used = self.snapshots.first(where: { !$0.isBroken }) else {
            if listing.snapshotCount > self.snapshots.count {
                return (
                    nil,
                    .unknown("the newest \(self.snapshots.count) snapshots are broken; older ones were not looked at")
                )
            }
            guard case .broken(let reason) = self.snapshots[0].check else { return (nil, nil) }
            return (nil, .damaged("no snapshot is whole; \(newest.name): \(reason)"))
        }
        if used.name != newest.name {
            self.notes.append("\(newest.name) is broken; a server would start from \(used.name)")
        }
        switch used.check {
        case .ends: self.notes.append("of \(used.name) only the header and the end were checked")
        case .nameOnly: self.notes.append("\(used.name) is compressed and was not checked")
        case .checksum, .broken: break
        }
        return (used.zxid, nil)
    }

    /// Finds the last transaction; returns a verdict only if something is wrong.
    private mutating func judgeLogs(_ listing: DiskListing, from snapshot: Zxid?) -> Verdict? {
        var examined = 0
        var trouble: Verdict?
        for (index, file) in listing.logs.enumerated() {
            guard let part = file.parts.first else { break }
            examined += 1
            if file.size == 0 {
                // Made just before a crash. A server removes it if it is the newest, and stumbles over any other.
                if index > 0 { trouble = .damaged("\(file.name) is empty and not the newest log") }
                continue
            }
            let log = part.offset == 0 ? TransactionLog(whole: part.bytes) : TransactionLog(lastPart: part.bytes)
            if part.offset > 0 { self.notes.append("of \(file.name) only the last part was checked") }
            switch log.end {
            case .clean: break
            case .torn: self.notes.append("the last record of \(file.name) is cut short; a server drops it")
            case .corrupt(let position, let reason):
                trouble = .damaged("\(file.name): \(reason), at byte \(part.offset + position)")
            case .noRecordFound:
                self.lastZxid = .atLeast(max(snapshot ?? file.zxid, file.zxid))
                self.notes.append("the last record of \(file.name) is too long to be looked at")
                return trouble
            }
            if let last = log.lastZxid {
                self.lastZxid = .exactly(max(snapshot ?? last, last))
                return trouble
            }
        }
        if let snapshot { self.lastZxid = examined == listing.logCount ? .exactly(snapshot) : .atLeast(snapshot) }
        return trouble
    }

    /// Compares the two epoch files with each other and with the data; missing ones are made anew by the server.
    private func judgeEpochs(_ listing: DiskListing) -> Verdict? {
        for (name, text, value) in [
            ("currentEpoch", listing.currentEpoch, self.currentEpoch),
            ("acceptedEpoch", listing.acceptedEpoch, self.acceptedEpoch),
        ] where text != nil && value == nil {
            return .damaged("\(name) holds no number")
        }
        if let current = self.currentEpoch, let accepted = self.acceptedEpoch, accepted < current {
            return .damaged("acceptedEpoch \(accepted) is lower than currentEpoch \(current)")
        }
        // With an unfinished file beside it, the server takes the epoch from there.
        if let current = self.currentEpoch, let last = self.lastZxid?.value, last.epoch > current,
            !listing.hasUnfinishedEpoch
        {
            return .damaged("currentEpoch \(current) is older than the last transaction \(last)")
        }
        return nil
    }
}
