// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Finds the name that was probably meant.
enum Suggestion {
    /// Longer names are not compared: nobody mistypes them by a letter or two and then needs a hint.
    private static let longestName = 64

    /// The candidate closest to `name`, or `nil` if none is close.
    ///
    /// Ties go to the name that sorts first, so the answer does not depend on the order of candidates.
    static func closest(to name: String, among candidates: some Sequence<String>) -> String? {
        let target = Array(name.utf8)
        guard !target.isEmpty, target.count <= self.longestName else {
            return nil
        }
        let allowed = target.count <= 2 ? 0 : target.count <= 5 ? 1 : target.count <= 9 ? 2 : 3
        let folded = self.folded(target)
        var best: (distance: Int, name: String)?
        for candidate in candidates where candidate != name {
            let other = Array(candidate.utf8)
            guard other.count <= self.longestName else {
                continue
            }
            let distance: Int
            if self.folded(other) == folded {
                distance = 0
            } else if let measured = self.distance(target, other, limit: allowed) {
                distance = measured
            } else {
                continue
            }
            if let known = best, (known.distance, known.name) <= (distance, candidate) {
                continue
            }
            best = (distance, candidate)
        }
        return best?.name
    }

    /// The slip of the pen that a name probably is.
    static func slip(for name: String, among candidates: some Sequence<String>) -> CELProblem.Slip? {
        self.closest(to: name, among: candidates).map { CELProblem.Slip(written: name, meant: $0) }
    }

    /// `did you mean 'x'?`, ready to be a problem's help.
    static func help(for name: String, among candidates: some Sequence<String>) -> String? {
        self.slip(for: name, among: candidates)?.help
    }

    /// Lower case without `_`, so that `startswith`, `starts_with` and `startsWith` are one.
    private static func folded(_ name: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        for byte in name where byte != UInt8(ascii: "_") {
            result.append((65...90).contains(byte) ? byte + 32 : byte)
        }
        return result
    }

    /// Insertions, deletions, replacements and swaps of neighbours; `nil` when more than `limit`.
    private static func distance(_ left: [UInt8], _ right: [UInt8], limit: Int) -> Int? {
        guard abs(left.count - right.count) <= limit else {
            return nil
        }
        var older = [Int](repeating: 0, count: right.count + 1)
        var previous = Array(0...right.count)
        var current = older
        for row in 0..<left.count {
            current[0] = row + 1
            var smallest = row + 1
            for column in 0..<right.count {
                let replaced = previous[column] + (left[row] == right[column] ? 0 : 1)
                var cost = min(replaced, previous[column + 1] + 1, current[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    cost = min(cost, older[column - 1] + 1)
                }
                current[column + 1] = cost
                smallest = min(smallest, cost)
            }
            guard smallest <= limit else {
                return nil
            }
            (older, previous, current) = (previous, current, older)
        }
        return previous[right.count] <= limit ? previous[right.count] : nil
    }
}
