// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// How much of what commands print is kept, in memory and in the journal.
///
/// A step over a thousand targets must not hold a thousand times what one command may print. All targets of a step have equal shares of
/// ``stepLimit``: whoever prints little leaves nothing to the others, so that what is kept of one host never hangs on what another printed.
extension CommandReport {
    /// The most that is kept of one stream of one command.
    package static let outputLimit = 64 * 1_024
    /// The most that is kept of both streams of all commands of a step, for one attempt at each target.
    package static let stepLimit = 8 * 1_024 * 1_024
    /// Stands where something was left out.
    package static let gap = "\n[…]\n"

    /// How much is kept of each stream where so many targets share.
    static func share(of targets: Int) -> Int {
        min(Self.outputLimit, Self.stepLimit / (2 * max(targets, 1)))
    }

    /// The report with no more than `limit` bytes of each stream, beginning and end.
    package func bounded(to limit: Int) -> CommandReport {
        guard self.standardOutput.utf8.count > limit || self.standardError.utf8.count > limit else {
            return self
        }
        var report = self
        report.standardOutput = Self.cut(self.standardOutput, to: limit)
        report.standardError = Self.cut(self.standardError, to: limit)
        report.isOutputCut = true
        return report
    }

    private static func cut(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit else {
            return text
        }
        let bytes = Array(text.utf8)
        let room = max(limit - Self.gap.utf8.count, 0)
        guard room > 0 else {
            return String(decoding: bytes[..<Self.boundary(limit, in: bytes)], as: UTF8.self)
        }
        let head = bytes[..<Self.boundary(room / 2, in: bytes)]
        var start = bytes.count - room / 2
        while start < bytes.count, Self.isContinuation(bytes[start]) {
            start += 1
        }
        return String(decoding: head, as: UTF8.self) + Self.gap + String(decoding: bytes[start...], as: UTF8.self)
    }

    /// The last place up to `index` at which no character is cut.
    private static func boundary(_ index: Int, in bytes: [UInt8]) -> Int {
        var index = index
        while index > 0, index < bytes.count, Self.isContinuation(bytes[index]) {
            index -= 1
        }
        return index
    }

    private static func isContinuation(_ byte: UInt8) -> Bool {
        byte & 0b1100_0000 == 0b1000_0000
    }
}

extension RunContext {
    /// The share of each target of a step; the iterations of the loops around it share with each other, too.
    func outputShare(of targets: Int) -> Int {
        let sharing = self.scopes.reduce(max(targets, 1)) { $0.multipliedReportingOverflow(by: $1.width).partialValue }
        return CommandReport.share(of: sharing)
    }
}
