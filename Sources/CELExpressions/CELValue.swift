// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A value of the Common Expression Language.
///
/// Swift's `==` compares representations: `.int(1)` and `.uint(1)` differ, and so do two observations
/// of one node. What an expression calls equal is ``equals(_:)``.
package enum CELValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case timestamp(CELTimestamp)
    case duration(CELDuration)
    case list([CELValue])
    case map(CELMap)
    case record(CELRecord)
    /// The name of a type, as `type(x)` gives it.
    case type(String)
    /// A value that may be absent: `optional.of(1)`, `optional.none()`.
    indirect case optional(CELValue?)
    /// Not known, and why.
    case unknown(CELUnknown)
    /// A list with doubtful elements.
    indirect case partialList(CELPartialList)
    /// An integer with two different bounds.
    indirect case interval(CELInterval)
}

/// A set of named fields, such as a node or a probe's result.
///
/// With an identity, a record stands for a thing, and an expression calls two of them equal when type
/// and identity agree: a node observed at two times is one node. Without one, it is equal field by field.
package struct CELRecord: Hashable, Sendable {
    package struct Field: Hashable, Sendable {
        package let name: String
        package let value: CELValue

        package init(_ name: String, _ value: CELValue) {
            self.name = name
            self.value = value
        }
    }

    /// Boxed, so that a ``CELValue`` stays two words and passing a record copies a reference.
    private final class Storage: Sendable {
        let typeName: String
        let identity: String?
        let fields: [Field]

        init(typeName: String, identity: String?, fields: [Field]) {
            self.typeName = typeName
            self.identity = identity
            self.fields = fields
        }
    }

    private let storage: Storage

    /// A name must not be given twice.
    package init(_ typeName: String, identity: String? = nil, fields: [Field]) {
        let sorted = fields.sorted { $0.name < $1.name }
        for (field, next) in zip(sorted, sorted.dropFirst()) {
            precondition(field.name != next.name, "record '\(typeName)' has two fields '\(field.name)'")
        }
        self.storage = Storage(typeName: typeName, identity: identity, fields: sorted)
    }

    package var typeName: String { self.storage.typeName }
    package var identity: String? { self.storage.identity }
    /// Sorted by name.
    package var fields: [Field] { self.storage.fields }

    package subscript(name: String) -> CELValue? {
        let fields = self.storage.fields
        var low = 0
        var high = fields.count
        // Comparing for equality is cheaper than ordering; only wide records are worth halving first.
        while high - low > 16 {
            let middle = (low + high) / 2
            if fields[middle].name <= name {
                low = middle
            } else {
                high = middle
            }
        }
        while low < high {
            if fields[low].name == name {
                return fields[low].value
            }
            low += 1
        }
        return nil
    }

    package static func == (left: CELRecord, right: CELRecord) -> Bool {
        left.storage === right.storage
            || left.typeName == right.typeName && left.identity == right.identity && left.fields == right.fields
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.typeName)
        hasher.combine(self.identity)
        hasher.combine(self.fields)
    }
}

/// An associative array with `bool`, `int`, `uint` or `string` keys.
///
/// Entries are sorted by key, which makes iteration the same everywhere and lookup a binary search.
package struct CELMap: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package let key: CELValue
        package let value: CELValue

        package init(_ key: CELValue, _ value: CELValue) {
            self.key = key
            self.value = value
        }
    }

    package let entries: [Entry]

    package static let empty = CELMap(sorted: [])

    private init(sorted: [Entry]) {
        self.entries = sorted
    }

    /// Fails on a key of another type and on a key that is there twice (`1` and `1u` are one key).
    package init(_ entries: [Entry]) throws(CELEvaluationError) {
        for entry in entries {
            switch entry.key {
            case .bool, .int, .uint, .string: break
            default:
                throw CELEvaluationError(
                    .invalidArgument,
                    "'\(entry.key.cel)' cannot be a map key",
                    help: "keys are strings, integers or booleans"
                )
            }
        }
        self.entries = entries.sorted { Self.order($0.key, $1.key) == .ascending }
        for (entry, next) in zip(self.entries, self.entries.dropFirst())
        where Self.order(entry.key, next.key) == .same {
            throw CELEvaluationError(.duplicateKey, "key '\(next.key.text)' is given twice")
        }
    }

    /// For string keys, of which the last one wins.
    package init(strings: [(String, CELValue)]) {
        var entries: [Entry] = []
        let numbered = strings.enumerated().sorted { left, right in
            switch CELOrder.of(left.element.0, right.element.0) {
            case .ascending: true
            case .descending: false
            case .same: left.offset < right.offset
            }
        }
        for (_, pair) in numbered {
            if let last = entries.last, case .string(let key) = last.key, CELOrder.of(key, pair.0) == .same {
                entries.removeLast()
            }
            entries.append(Entry(.string(pair.0), pair.1))
        }
        self.entries = entries
    }

    /// The value for a key; `1`, `1u` and `1.0` find the same entry.
    package subscript(key: CELValue) -> CELValue? {
        var low = 0
        var high = self.entries.count
        while low < high {
            let middle = (low + high) / 2
            switch Self.order(self.entries[middle].key, key) {
            case .ascending: low = middle + 1
            case .descending: high = middle
            case .same: return self.entries[middle].value
            case nil: return nil
            }
        }
        return nil
    }

    package subscript(key: String) -> CELValue? {
        self[.string(key)]
    }

    /// Booleans before numbers before strings; `nil` for what can never be a key.
    private static func order(_ left: CELValue, _ right: CELValue) -> CELOrder? {
        func rank(_ value: CELValue) -> Int? {
            switch value {
            case .bool: 0
            case .int, .uint, .double: 1
            case .string: 2
            default: nil
            }
        }
        guard let leftRank = rank(left), let rightRank = rank(right) else {
            return nil
        }
        return leftRank == rightRank ? CELOrder.of(left, right) : leftRank < rightRank ? .ascending : .descending
    }
}
