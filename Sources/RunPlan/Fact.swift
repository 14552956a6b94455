// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CELExpressions
package import RunVocabulary

/// One value that the world reported, in the few shapes a report needs.
///
/// Facts are what the journal keeps; expressions see them as CEL values.
package enum Fact: Hashable, Sendable {
    case bool(Bool)
    case int(Int64)
    case string(String)
    case span(Milliseconds)
    case strings([String])
    case double(Double)
    case moment(Instant)
    case samples([Sample])
    /// It could not be found out, and why.
    case unknown(String)

    /// One series of what a query gave: its labels, and a number, which may be none (`NaN`).
    package struct Sample: Hashable, Sendable, Codable {
        package var labels: [String: String]
        package var value: Double

        package init(labels: [String: String], value: Double) {
            self.labels = labels
            self.value = value
        }
    }

    package var value: CELValue {
        switch self {
        case .bool(let bool): .bool(bool)
        case .int(let int): .int(int)
        case .string(let string): .string(string)
        case .span(let span): .duration(CELDuration(nanoseconds: span.nanoseconds))
        case .strings(let strings): .list(strings.map { .string($0) })
        case .double(let double): Self.number(double)
        case .moment(let moment): moment.value
        case .samples(let samples): .list(samples.map(\.record))
        case .unknown(let reason): .unknown(CELUnknown(reason))
        }
    }

    /// For a reader: `true`, `leader`, `1m30s`, `unknown (timed out)`.
    package var text: String {
        switch self {
        case .bool(let bool): "\(bool)"
        case .int(let int): "\(int)"
        case .string(let string): string
        case .span(let span): span.description
        case .strings(let strings): strings.joined(separator: ", ")
        case .double(let double): "\(double)"
        case .moment(let moment): CELTimestamp(moment).map(\.text) ?? "\(moment.milliseconds)ms"
        case .samples(let samples): samples.map(\.text).joined(separator: ", ")
        case .unknown(let reason): "unknown (\(reason))"
        }
    }
}

extension Fact {
    /// What is no number (`NaN`) is not known, and so holds in no comparison, instead of being below or above.
    private static func number(_ double: Double) -> CELValue {
        double.isNaN ? .unknown(CELUnknown("what was told is no number (NaN)")) : .double(double)
    }
}

extension Fact.Sample {
    fileprivate var record: CELValue {
        let labels = self.labels.sorted { $0.key < $1.key }.map { ($0.key, CELValue.string($0.value)) }
        return .record(
            CELRecord(
                ResultTypes.sample.name,
                fields: [
                    CELRecord.Field("labels", .map(CELMap(strings: labels))),
                    CELRecord.Field("value", Fact.double(self.value).value),
                ]
            )
        )
    }

    /// `{job="node"} 1.5`, in the order of the labels' names.
    fileprivate var text: String {
        let labels = self.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\($0.value)\"" }
        return "{\(labels.joined(separator: ","))} \(self.value)"
    }
}

extension Instant {
    package var value: CELValue {
        CELTimestamp(self).map { .timestamp($0) } ?? .unknown(CELUnknown("a moment beyond the calendar"))
    }
}

extension CELTimestamp {
    fileprivate init?(_ moment: Instant) {
        let (seconds, rest) = moment.milliseconds.quotientAndRemainder(dividingBy: 1_000)
        self.init(seconds: seconds, nanoseconds: rest * 1_000_000)
    }
}

extension Milliseconds {
    /// Saturates: three hundred years are enough for a runbook.
    package var nanoseconds: Int64 {
        let (product, overflow) = self.count.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? .max : product
    }
}

extension Milliseconds {
    package init(nanoseconds: Int64) {
        self.init(nanoseconds / 1_000_000)
    }
}

extension Fact: Codable {
    private enum CodingKeys: String, CodingKey {
        case span = "ms"
        case unknown
        // In an object: as such, a whole one could not be told from an integer, and what is no number not from a text.
        case double
        case moment = "at"
        case samples
    }

    package init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: CodingKeys.self) {
            if let reason = try container.decodeIfPresent(String.self, forKey: .unknown) {
                self = .unknown(reason)
            } else if let double = try container.decodeIfPresent(Double.self, forKey: .double) {
                self = .double(double)
            } else if let moment = try container.decodeIfPresent(Instant.self, forKey: .moment) {
                self = .moment(moment)
            } else if let samples = try container.decodeIfPresent([Sample].self, forKey: .samples) {
                self = .samples(samples)
            } else {
                self = .span(try container.decode(Milliseconds.self, forKey: .span))
            }
            return
        }
        let container = try decoder.singleValueContainer()
        if let bool = try? container.decode(Bool.self) {
            self = .bool(bool)
        } else if let int = try? container.decode(Int64.self) {
            self = .int(int)
        } else if let string = try? container.decode(String.self) {
            self = .string(string)
        } else {
            self = .strings(try container.decode([String].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        switch self {
        case .bool(let bool):
            var container = encoder.singleValueContainer()
            try container.encode(bool)
        case .int(let int):
            var container = encoder.singleValueContainer()
            try container.encode(int)
        case .string(let string):
            var container = encoder.singleValueContainer()
            try container.encode(string)
        case .strings(let strings):
            var container = encoder.singleValueContainer()
            try container.encode(strings)
        case .span(let span):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(span, forKey: .span)
        case .double(let double):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(double, forKey: .double)
        case .moment(let moment):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(moment, forKey: .moment)
        case .samples(let samples):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(samples, forKey: .samples)
        case .unknown(let reason):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(reason, forKey: .unknown)
        }
    }
}
