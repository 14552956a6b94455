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
    /// It could not be found out, and why.
    case unknown(String)

    package var value: CELValue {
        switch self {
        case .bool(let bool): .bool(bool)
        case .int(let int): .int(int)
        case .string(let string): .string(string)
        case .span(let span): .duration(CELDuration(nanoseconds: span.nanoseconds))
        case .strings(let strings): .list(strings.map { .string($0) })
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
        case .unknown(let reason): "unknown (\(reason))"
        }
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
    }

    package init(from decoder: any Decoder) throws {
        if let container = try? decoder.container(keyedBy: CodingKeys.self) {
            if let reason = try container.decodeIfPresent(String.self, forKey: .unknown) {
                self = .unknown(reason)
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
        case .unknown(let reason):
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(reason, forKey: .unknown)
        }
    }
}
