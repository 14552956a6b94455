// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What was found out about the store, without locking it and without writing.
package struct StoreFacts: Hashable, Sendable {
    package enum State: Hashable, Sendable {
        /// No engine has made it yet.
        case missing(nearest: String, isWritable: Bool)
        case refused(String)
        /// *In doubt* are runs that have ended and left something to be settled.
        case there(schema: Int, runs: Int, unfinished: Int, inDoubt: Int = 0)
    }

    package var folder: String
    package var state: State
    /// The process of the engine that has it now.
    package var engine: Int32?
    package var freeBytes: Int64?
    /// Who holds everything back, since when and why, if somebody does.
    package var freeze: String?

    package init(folder: String, state: State, engine: Int32? = nil, freeBytes: Int64? = nil, freeze: String? = nil) {
        self.folder = folder
        self.state = state
        self.engine = engine
        self.freeBytes = freeBytes
        self.freeze = freeze
    }
}

package struct StoreFinding: Hashable, Sendable {
    /// A run of some thousand records has a few megabytes, and a full disk stops every run.
    package static let leastFreeBytes: Int64 = 128 << 20

    package var facts: StoreFacts
    package private(set) var findings: [Finding] = []

    package init(_ facts: StoreFacts) {
        self.facts = facts
        switch facts.state {
        case .refused(let message): self.findings.append(Finding("store", .wrong, message: message))
        case .missing(let nearest, false):
            let says = "\(facts.folder) is not there and cannot be made: \(nearest) is no folder that can be written to"
            self.findings.append(Finding("store", .wrong, says, cure: "name another folder in 'store:'"))
        case .missing(_, true):
            self.findings.append(Finding("store", .note, "\(facts.folder) is made when the first run starts"))
        case .there(_, _, let unfinished, let inDoubt):
            if inDoubt > 0 {
                let what = inDoubt == 1 ? "a run has" : "\(inDoubt) runs have"
                let cure = "'selfheal runs' names them; look at the hosts, then say it with 'selfheal settle RUN STEP'"
                self.findings.append(Finding("store", .wrong, "\(what) ended and left something in doubt", cure: cure))
            }
            if unfinished > 0, facts.engine == nil {
                let what = unfinished == 1 ? "a run has not ended" : "\(unfinished) runs have not ended"
                let cure = "'selfheal resume' goes on with it, 'selfheal cancel RUN' ends it"
                self.findings.append(Finding("store", .wrong, "\(what), and no engine is at work", cure: cure))
            }
        }
        if let freeze = facts.freeze {
            let says = "\(freeze); nothing that changes the world is sent"
            self.findings.append(Finding("store", .note, says, cure: "'selfheal unfreeze' lifts it"))
        }
        guard let free = facts.freeBytes else {
            self.findings.append(Finding("store", .unknown, "how much space is free there could not be found out"))
            return
        }
        if free < Self.leastFreeBytes {
            let says = "\(ByteCount.text(free)) are free for \(facts.folder), and a full disk stops every run"
            let cure = "make room: at least \(ByteCount.text(Self.leastFreeBytes))"
            self.findings.append(Finding("store", .wrong, says, cure: cure))
        }
    }

    /// The store on one line.
    package var summary: String {
        var parts: [String] = []
        switch self.facts.state {
        case .missing: parts.append("not there yet")
        case .refused: parts.append("cannot be used")
        case .there(let schema, let runs, let unfinished, let inDoubt):
            parts.append("schema \(schema), \(runs) run\(runs == 1 ? "" : "s")")
            if unfinished > 0 {
                parts.append("\(unfinished) not ended")
            }
            if inDoubt > 0 {
                parts.append("\(inDoubt) in doubt")
            }
        }
        parts.append(self.facts.engine.map { "engine: process \($0)" } ?? "no engine at work")
        if let free = self.facts.freeBytes {
            parts.append("\(ByteCount.text(free)) free")
        }
        return parts.joined(separator: ", ")
    }
}

/// A channel, and the variables of the environment that it wants and nobody has set.
package struct ChannelFacts: Hashable, Sendable {
    package var name: String
    package var kind: String
    package var missing: [String]

    package init(name: String, kind: String, missing: [String] = []) {
        self.name = name
        self.kind = kind
        self.missing = missing
    }

    package var finding: Finding {
        guard !self.missing.isEmpty else {
            return Finding(self.name, .fine, "complete")
        }
        let names = self.missing.map { "'\($0)'" }.joined(separator: ", ")
        let cure = "export it before selfheal starts; under systemd, 'EnvironmentFile=' does"
        return Finding(self.name, .wrong, "the environment has no \(names), so nobody is told by it", cure: cure)
    }
}

/// All that was looked at.
package struct Examination: Hashable, Sendable {
    package var libraries: [LibraryFinding]
    package var hosts: [HostFinding]
    /// Nothing when there is no configuration to say where it is.
    package var store: StoreFinding?
    package var channels: [ChannelFacts]

    package init(
        libraries: [LibraryFinding],
        hosts: [HostFinding] = [],
        store: StoreFinding? = nil,
        channels: [ChannelFacts] = []
    ) {
        self.libraries = libraries
        self.hosts = hosts
        self.store = store
        self.channels = channels
    }

    /// Everything but what is fine, in the order in which it was looked at.
    package var findings: [Finding] {
        let all =
            self.libraries.map(\.finding) + self.hosts.flatMap(\.findings) + (self.store?.findings ?? [])
            + self.channels.map(\.finding)
        return all.filter { $0.grade != .fine }
    }

    package var problems: [Finding] { self.findings.filter { $0.grade == .wrong } }
}
