// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What the checker knows about a value before it exists.
///
/// Unknown values, intervals and partial lists have no types of their own: a list whose length is
/// uncertain is still a list.
package indirect enum CELType: Hashable, Sendable {
    case int
    case uint
    case double
    case bool
    case string
    case bytes
    case null
    case timestamp
    case duration
    case list(CELType)
    case map(CELType, CELType)
    case record(CELRecordType)
    /// A value that may be absent.
    case optional(CELType)
    /// The type of types: what `type(x)` and the name `int` have.
    case type
    /// Anything; decided when the expression is evaluated.
    case dyn
    /// The type of a subexpression that already has a problem; it fits everywhere and stays quiet.
    case error
    /// A type parameter, meaningful only in a ``CELFunctionDeclaration``.
    ///
    /// Names beginning with `N` stand for numbers, with `O` for what can be ordered, with `R` for
    /// records; any other name stands for any type.
    case parameter(String)
}

/// The declared shape of a record, such as a node or a probe's result.
///
/// Records are nominal: two declarations with one name are one type, and an environment should not
/// hold two different ones.
package struct CELRecordType: Hashable, Sendable {
    package struct Field: Hashable, Sendable {
        package let name: String
        package let type: CELType

        package init(_ name: String, _ type: CELType) {
            self.name = name
            self.type = type
        }
    }

    package let name: String
    package let fields: [Field]

    package init(_ name: String, fields: [Field]) {
        self.name = name
        self.fields = fields
    }

    package func type(of field: String) -> CELType? {
        self.fields.first { $0.name == field }?.type
    }
}

extension CELType: CustomStringConvertible {
    /// As CEL spells it, except `timestamp` and `duration`, whose official names are those of protobuf messages.
    package var description: String {
        switch self {
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .bool: "bool"
        case .string: "string"
        case .bytes: "bytes"
        case .null: "null_type"
        case .timestamp: "timestamp"
        case .duration: "duration"
        case .list(let element): "list(\(element))"
        case .map(let key, let value): "map(\(key), \(value))"
        case .record(let record): record.name
        case .type: "type"
        case .optional(let value): "optional_type(\(value))"
        case .dyn, .error: "dyn"
        case .parameter(let name): name == Self.unresolvedName ? "dyn" : name
        }
    }
}

extension CELType {
    private static let unresolvedName = "_"

    /// The element type of `[]`, which fits any list and gives way to whatever it is joined with.
    static let unresolved = CELType.parameter(Self.unresolvedName)

    /// Whether nothing can be said, so nothing is.
    var isOpen: Bool {
        switch self {
        case .dyn, .error, .parameter: true
        default: false
        }
    }

    /// Whether a part of it already has a problem.
    var isSpoiled: Bool {
        switch self {
        case .error: true
        case .list(let element): element.isSpoiled
        case .map(let key, let value): key.isSpoiled || value.isSpoiled
        case .optional(let value): value.isSpoiled
        default: false
        }
    }

    var isNumber: Bool {
        switch self {
        case .int, .uint, .double: true
        default: self.isOpen
        }
    }

    /// Whether `<` is defined.
    var isOrdered: Bool {
        switch self {
        case .int, .uint, .double, .bool, .string, .bytes, .timestamp, .duration: true
        default: self.isOpen
        }
    }

    var isRecord: Bool {
        switch self {
        case .record: true
        default: self.isOpen
        }
    }

    /// What is shown to callers: `[]` is a `list(dyn)`.
    var resolved: CELType {
        switch self {
        case .parameter: .dyn
        case .list(let element): .list(element.resolved)
        case .map(let key, let value): .map(key.resolved, value.resolved)
        case .optional(let value): .optional(value.resolved)
        default: self
        }
    }

    /// Whether a value of this type may stand where `other` is declared.
    package func fits(_ other: CELType) -> Bool {
        if self.isOpen || other.isOpen {
            return true
        }
        switch (self, other) {
        case (.list(let mine), .list(let theirs)):
            return mine.fits(theirs)
        case (.map(let myKey, let mine), .map(let theirKey, let theirs)):
            return myKey.fits(theirKey) && mine.fits(theirs)
        case (.optional(let mine), .optional(let theirs)):
            return mine.fits(theirs)
        case (.record(let mine), .record(let theirs)):
            return mine.name == theirs.name
        case (.null, .record), (.null, .timestamp), (.null, .duration):
            return true
        default:
            return self == other
        }
    }

    /// Whether `==` between the two could ever be true.
    func isComparable(with other: CELType) -> Bool {
        if self.isNumber && other.isNumber || self == .null || other == .null {
            return true
        }
        switch (self, other) {
        case (.list(let mine), .list(let theirs)):
            return mine.isComparable(with: theirs)
        case (.map(let myKey, let mine), .map(let theirKey, let theirs)):
            return myKey.isComparable(with: theirKey) && mine.isComparable(with: theirs)
        case (.optional(let mine), .optional(let theirs)):
            return mine.isComparable(with: theirs)
        default:
            return self.fits(other)
        }
    }

    /// The type that holds both, or `nil` if only `dyn` does.
    func joined(with other: CELType) -> CELType? {
        if self == .error || other == .error {
            return .error
        }
        if self == .unresolved {
            return other
        }
        if other == .unresolved {
            return self
        }
        if self == .dyn || other == .dyn {
            return .dyn
        }
        switch (self, other) {
        case (.list(let mine), .list(let theirs)):
            return mine.joined(with: theirs).map { .list($0) }
        case (.map(let myKey, let mine), .map(let theirKey, let theirs)):
            guard let key = myKey.joined(with: theirKey), let value = mine.joined(with: theirs) else {
                return nil
            }
            return .map(key, value)
        case (.optional(let mine), .optional(let theirs)):
            return mine.joined(with: theirs).map { .optional($0) }
        default:
            return self.fits(other) ? other : other.fits(self) ? self : nil
        }
    }
}
