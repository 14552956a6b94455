// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Finds the name that the author probably meant.
package enum DidYouMean {
    /// Names longer than this are not compared: nobody mistypes a paragraph.
    private static let lengthLimit = 64
    /// How many names are looked at; a runbook of ten thousand steps must not make each typo slow.
    private static let candidateLimit = 20_000

    /// The nearest candidate, or nil when none is near.
    ///
    /// Near means one slip for a short name and one per three characters for a longer one, a slip being a
    /// character too many, too few, exchanged, or two swapped; case and `-` for `_` count as nothing.
    /// Among equally near names the alphabetically first is taken, so the order of candidates does not show.
    package static func suggestion(for name: String, among candidates: some Sequence<String>) -> String? {
        let wanted = self.folded(name)
        guard !wanted.isEmpty, wanted.count <= self.lengthLimit else { return nil }
        var limit = max(1, wanted.count / 3)
        var best: String?
        for candidate in candidates.prefix(self.candidateLimit) where candidate != name {
            let folded = self.folded(candidate)
            guard abs(folded.count - wanted.count) <= limit, folded.count <= self.lengthLimit else { continue }
            // Two names of one or two characters are always near; they must share at least one.
            guard let distance = self.distance(wanted, folded, limit: limit), distance < max(wanted.count, folded.count)
            else { continue }
            if let current = best, distance == limit, current <= candidate { continue }
            best = candidate
            limit = distance
        }
        return best
    }

    /// `did you mean 'NAME'?`, ready to be the help of a diagnostic, or nil.
    package static func help(for name: String, among candidates: some Sequence<String>) -> String? {
        self.slip(for: name, among: candidates)?.help
    }

    /// The slip of the pen that a name probably is, or nil.
    package static func slip(for name: String, among candidates: some Sequence<String>) -> Diagnostic.Slip? {
        self.suggestion(for: name, among: candidates).map { Diagnostic.Slip(written: name, meant: $0) }
    }

    private static func folded(_ name: String) -> [UInt32] {
        name.lowercased().unicodeScalars.map { $0 == "-" || $0 == " " ? 0x5F : $0.value }
    }

    /// The number of slips (optimal string alignment), or nil when it exceeds the limit.
    private static func distance(_ a: [UInt32], _ b: [UInt32], limit: Int) -> Int? {
        var beforePrevious: [Int] = []
        var previous = Array(0...b.count)
        for i in 0..<a.count {
            var current = [i + 1]
            current.reserveCapacity(b.count + 1)
            for j in 0..<b.count {
                var cost = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    cost = min(cost, beforePrevious[j - 1] + 1)
                }
                current.append(cost)
            }
            if let least = current.min(), least > limit { return nil }
            beforePrevious = previous
            previous = current
        }
        return previous[b.count] <= limit ? previous[b.count] : nil
    }
}
