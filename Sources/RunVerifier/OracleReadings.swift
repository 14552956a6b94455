// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary

/// What certificates, metrics, names and attributes may be found to be: every answer that a condition of the plan can tell apart, and at
/// the end of each list silence.
struct OracleReadings: Sendable {
    struct Answers: Sendable {
        private let answers: [(text: String, facts: [String: Fact])]

        init(_ answers: [(text: String, facts: [String: Fact])]) {
            let heard: [String: Fact] = ["answered": .bool(true), "problem": .string("")]
            self.answers = answers.map { ($0.text, heard.merging($0.facts) { $1 }) }
        }

        var count: Int { self.answers.count }

        /// Nothing when it is silent.
        func facts(_ option: Int) -> [String: Fact]? {
            self.answers.indices.contains(option) ? self.answers[option].facts : nil
        }

        func text(_ option: Int) -> String {
            self.answers.indices.contains(option) ? self.answers[option].text : "no answer"
        }
    }

    /// Of the numbers in conditions, so many at most; beyond them only the least and the greatest are stepped over.
    private static let numberLimit = 6
    private static let wordLimit = 6

    let certificates: Answers
    let queries: Answers
    let names: Answers
    let attributes: Answers

    init(_ conditions: [String]) {
        let days = Self.wholeNumbers(Self.cuts(in: conditions.filter { $0.contains("days_left") }))
        self.certificates = Answers(
            days.map { ("\($0) days left", Self.certificate(days: $0, isTrusted: true)) }
                + [("not trusted", Self.certificate(days: days.last ?? 0, isTrusted: false))]
        )
        let values = Self.cuts(in: conditions.filter { $0.contains("value") })
        self.queries = Answers(
            [("no series", ["values": .samples([])])]
                + values.map { value in
                    (
                        "\(value)",
                        ["value": .double(value), "values": .samples([Fact.Sample(labels: [:], value: value)])]
                    )
                }
        )
        let addresses = Self.words(in: conditions.filter { $0.contains("addresses") })
        let lists = [[], addresses.isEmpty ? ["192.0.2.1"] : addresses, ["192.0.2.1", "192.0.2.2"]]
        self.names = Answers(lists.map { ("\($0.count) addresses", ["addresses": .strings($0)]) })
        let texts = Self.words(in: conditions.filter { $0.contains(".text") })
        self.attributes = Answers(
            values.map { ("\($0)", ["value": .double($0), "text": .string("\($0)")]) }
                + (texts + (texts.isEmpty ? [] : [Self.stranger(to: texts)])).map { ("'\($0)'", ["text": .string($0)]) }
        )
    }

    private static func certificate(days: Int64, isTrusted: Bool) -> [String: Fact] {
        [
            "trusted": .bool(isTrusted), "days_left": .int(days),
            "not_after": .moment(Instant(milliseconds: days * 86_400_000)), "names": .strings([]),
            "subject": .string(""), "issuer": .string(""), "protocol": .string("TLSv1.3"),
        ]
    }

    /// Each number that the conditions name, and one below, above and between any two: all that comparisons can tell apart.
    private static func cuts(in conditions: [String]) -> [Double] {
        guard !conditions.isEmpty else {
            return [0]
        }
        var numbers: Set<Double> = [0]
        for condition in conditions {
            let parts = condition.split { !($0.isASCII && ($0.isNumber || $0 == ".")) }
            numbers.formUnion(parts.compactMap { Double($0) })
            numbers.formUnion(parts.filter { condition.contains("-\($0)") }.compactMap { Double($0).map { -$0 } })
        }
        var sorted = numbers.filter(\.isFinite).sorted()
        if sorted.count > Self.numberLimit {
            sorted = [sorted[0], sorted[sorted.count - 1]]
        }
        let between = zip(sorted, sorted.dropFirst()).map { ($0 + $1) / 2 }
        let ends = [sorted.first.map { $0 - 1 }, sorted.last.map { $0 + 1 }].compactMap { $0 }
        return (sorted + between + ends).sorted()
    }

    private static func wholeNumbers(_ numbers: [Double]) -> [Int64] {
        let whole = numbers.compactMap { Int64(exactly: $0.rounded(.down)) }.filter { abs($0) < 1_000_000 }
        return Set(whole).sorted()
    }

    /// The texts in quotation marks.
    private static func words(in conditions: [String]) -> [String] {
        var words: [String] = []
        for condition in conditions {
            for mark in ["'", "\""] as [Character] {
                let parts = condition.split(separator: mark, omittingEmptySubsequences: false)
                for word in stride(from: 1, to: parts.count - 1, by: 2).map({ String(parts[$0]) })
                where !words.contains(word) && words.count < Self.wordLimit {
                    words.append(word)
                }
            }
        }
        return words
    }

    private static func stranger(to words: [String]) -> String {
        words.max { $0.utf8.count < $1.utf8.count }.map { "\($0)?" } ?? ""
    }
}
