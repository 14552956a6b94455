// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// What is looked at on the way to a host, in this order: each rests on the one before.
package enum HostCheck: String, Hashable, Sendable, CaseIterable {
    case name
    case tcp
    case key
    case login
    case shell
    /// What commands with receipts need of the host: Linux' `/proc` and `setsid`.
    case needs
    case receipts
    case space
    case clock

    /// Those that come before it.
    package var earlier: [HostCheck] {
        Array(Self.allCases.prefix { $0 != self })
    }
}

/// What came of asking one host.
package struct HostFacts: Hashable, Sendable {
    package enum Visit: Hashable, Sendable {
        /// The configuration does not say how commands reach it.
        case noAccess
        /// Its turn did not come before the time was up.
        case notAsked(Milliseconds)
        /// The checks of `passed` are fine; of the others nothing is known.
        case stopped(at: HostCheck, passed: [HostCheck], says: String)
        case answered(HostAnswer)
    }

    package var node: String
    package var visit: Visit

    package init(node: String, visit: Visit) {
        self.node = node
        self.visit = visit
    }
}

/// What a host says of itself.
package struct HostAnswer: Hashable, Sendable {
    package var shell: String
    /// What a command with a receipt would be refused for, and which check that is.
    package var refusal: HostRefusal?
    /// The folder of receipts, and the nearest folder above it that is there.
    package var folder: String
    package var nearest: String
    package var isWritable: Bool
    package var freeKibibytes: Int64?
    /// How far the host's clock is ahead of ours, give or take `secondsUnsure`.
    package var secondsAhead: Double?
    package var secondsUnsure: Double
    package var took: Milliseconds

    package init(
        shell: String,
        refusal: HostRefusal? = nil,
        folder: String,
        nearest: String,
        isWritable: Bool,
        freeKibibytes: Int64?,
        secondsAhead: Double?,
        secondsUnsure: Double,
        took: Milliseconds
    ) {
        self.shell = shell
        self.refusal = refusal
        self.folder = folder
        self.nearest = nearest
        self.isWritable = isWritable
        self.freeKibibytes = freeKibibytes
        self.secondsAhead = secondsAhead
        self.secondsUnsure = secondsUnsure
        self.took = took
    }
}

package struct HostRefusal: Hashable, Sendable {
    package var check: HostCheck
    package var says: String

    package init(_ check: HostCheck, _ says: String) {
        self.check = check
        self.says = says
    }
}

/// Where we draw the line.
package enum HostLimits {
    /// Receipts are small; a command's output is kept beside them up to a megabyte a stream.
    package static let leastFreeKibibytes: Int64 = 64 << 10
    /// No promise rests on a host's clock, but its logs and certificates do.
    package static let mostSecondsAside = 10.0
}

/// A host, check by check.
package struct HostFinding: Hashable, Sendable {
    package struct Mark: Hashable, Sendable {
        package var grade: Grade
        /// A word for the table.
        package var word: String
    }

    package var node: String
    package private(set) var marks: [HostCheck: Mark] = [:]
    package private(set) var findings: [Finding] = []
    package private(set) var took: Milliseconds?

    package init(_ facts: HostFacts) {
        self.node = facts.node
        switch facts.visit {
        case .noAccess:
            self.findings = [
                Finding(facts.node, .note, "the configuration has no 'ssh:' for it, so no command can be sent there")
            ]
        case .notAsked(let limit):
            self.findings = [
                Finding(facts.node, .unknown, "not asked: \(limit) were over", cure: "give more time with --timeout")
            ]
        case .stopped(let check, let passed, let says): self.stop(at: check, passed, says)
        case .answered(let answer): self.judge(answer)
        }
    }

    package var grade: Grade {
        self.findings.map(\.grade).max() ?? .fine
    }

    private mutating func stop(at check: HostCheck, _ passed: [HostCheck], _ says: String) {
        for earlier in passed {
            self.marks[earlier] = Mark(grade: .fine, word: "ok")
        }
        self.add(check, .wrong, "NO", Finding(self.node, .wrong, message: says))
    }

    private mutating func add(_ check: HostCheck, _ grade: Grade, _ word: String, _ finding: Finding? = nil) {
        self.marks[check] = Mark(grade: grade, word: word)
        if let finding {
            self.findings.append(finding)
        }
    }

    private mutating func judge(_ answer: HostAnswer) {
        self.took = answer.took
        for check in [HostCheck.name, .tcp, .key, .login] {
            self.add(check, .fine, "ok")
        }
        self.judgeClock(answer)
        if let refusal = answer.refusal {
            if refusal.check == .needs {
                self.add(.shell, .fine, Self.program(answer.shell))
            }
            self.add(refusal.check, .wrong, "NO", Finding(self.node, .wrong, message: refusal.says))
            return
        }
        self.add(.shell, .fine, Self.program(answer.shell))
        self.add(.needs, .fine, "ok")
        self.judgeFolder(answer)
        self.judgeSpace(answer)
    }

    private mutating func judgeFolder(_ answer: HostAnswer) {
        guard !answer.isWritable else {
            self.add(.receipts, .fine, answer.nearest == answer.folder ? "ok" : "to come")
            return
        }
        let says =
            answer.nearest == answer.folder
            ? "the folder of receipts, \(answer.folder), cannot be written to"
            : "the folder of receipts, \(answer.folder), cannot be made: \(answer.nearest) is no folder that can be written to"
        let cure = "every command would be refused; give \(answer.nearest) to the user that logs in, or move it away"
        self.add(.receipts, .wrong, "NO", Finding(self.node, .wrong, says, cure: cure))
    }

    private mutating func judgeSpace(_ answer: HostAnswer) {
        guard let free = answer.freeKibibytes else {
            let finding = Finding(self.node, .unknown, "how much space is free for receipts could not be found out")
            self.add(.space, .unknown, "?", finding)
            return
        }
        let word = ByteCount.text(free << 10)
        guard free < HostLimits.leastFreeKibibytes else {
            self.add(.space, .fine, word)
            return
        }
        let least = ByteCount.text(HostLimits.leastFreeKibibytes << 10)
        let finding = Finding(
            self.node,
            .wrong,
            "\(word) are free at \(answer.nearest), and commands may need \(least) for receipts and output",
            cure: "make room on that disk"
        )
        self.add(.space, .wrong, word, finding)
    }

    private mutating func judgeClock(_ answer: HostAnswer) {
        guard let ahead = answer.secondsAhead else {
            self.add(.clock, .unknown, "?", Finding(self.node, .unknown, "its clock could not be read"))
            return
        }
        let aside = abs(ahead)
        let isCertain = aside > answer.secondsUnsure
        let word = isCertain ? "\(ahead < 0 ? "-" : "+")\(Milliseconds(Int64(aside * 1_000)).rounded)" : "ok"
        guard aside - answer.secondsUnsure > HostLimits.mostSecondsAside else {
            self.add(.clock, .fine, word)
            return
        }
        let finding = Finding(
            self.node,
            .wrong,
            "its clock is \(Milliseconds(Int64(aside * 1_000)).rounded) \(ahead < 0 ? "behind" : "ahead of") this machine's",
            cure: "no promise of Selfheal rests on it, but logs and certificates do; look at 'timedatectl' on both"
        )
        self.add(.clock, .wrong, word, finding)
    }

    private static func program(_ path: String) -> String {
        String(path.split(separator: "/").last ?? "?")
    }
}

package enum ByteCount {
    private static let units = ["B", "KiB", "MiB", "GiB", "TiB"]

    /// `12 GiB`: as exact as a table needs.
    package static func text(_ bytes: Int64) -> String {
        var count = bytes
        var unit = 0
        while count >= 10_240, unit + 1 < self.units.count {
            count >>= 10
            unit += 1
        }
        return "\(count) \(self.units[unit])"
    }
}
