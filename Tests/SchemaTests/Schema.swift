// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunVocabulary
import RunbookYAML

/// A shipped JSON Schema, and as much of a validator as our schemas need.
struct Schema {
    /// A keyword that is used in a schema and that the validator would not look at.
    struct UnknownKeyword: Error {
        let keyword: String
    }

    let root: JSON

    init(_ name: String) throws {
        let url = Repository.root.appending(path: "schemas/\(name).schema.json")
        self.root = try JSON(parsing: Array(Data(contentsOf: url)))
    }

    var definitions: [JSONMember] {
        self.root["$defs"]?.members ?? []
    }

    /// The definitions that are mappings with certain keys, the whole file being the one without a name.
    var mappings: [String: JSON] {
        var mappings = ["": self.root]
        for member in self.definitions where member.value["properties"] != nil {
            mappings[member.name] = member.value
        }
        return mappings
    }

    func definition(_ reference: String) -> JSON? {
        self.root["$defs"]?[String(reference.dropFirst("#/$defs/".count))]
    }

    // MARK: Validation

    /// Where the value breaks the schema, as paths with what is wrong there; at most the first few matter to anyone.
    func problems(with value: JSON) throws -> [String] {
        try self.problems(with: value, by: self.root, at: "")
    }

    private func problems(with value: JSON, by schema: JSON, at path: String) throws -> [String] {
        try (schema.members ?? []).flatMap { member in
            try self.problems(with: value, member.name, member.value, of: schema, at: path)
        }
    }

    private func isValid(_ value: JSON, _ schema: JSON) throws -> Bool {
        try self.problems(with: value, by: schema, at: "").isEmpty
    }

    private func problems(
        with value: JSON,
        _ keyword: String,
        _ argument: JSON,
        of schema: JSON,
        at path: String
    ) throws -> [String] {
        func problem(unless isRight: Bool) -> [String] {
            isRight ? [] : ["\(path): \(keyword) \(argument.text.prefix(80))"]
        }
        let list = argument.arrayValue ?? []
        switch keyword {
        case "$schema", "$defs", "title", "description", "default", "examples": return []
        // Beside 'properties' and 'propertyNames' it is looked at there.
        case "additionalProperties":
            guard argument.members != nil, schema["properties"] == nil, schema["propertyNames"] == nil else {
                return []
            }
            return try (value.members ?? []).flatMap { member in
                try self.problems(with: member.value, by: argument, at: "\(path).\(member.name)")
            }
        case "$ref":
            guard let target = argument.stringValue.flatMap({ self.definition($0) }) else {
                return ["\(path): dangling \(argument.text)"]
            }
            return try self.problems(with: value, by: target, at: path)
        case "type":
            let types = argument.stringValue.map { [$0] } ?? list.compactMap(\.stringValue)
            return problem(unless: types.contains { Self.isOf($0, value) })
        case "enum": return problem(unless: list.contains(value))
        case "const": return problem(unless: argument == value)
        case "minimum": return problem(unless: (value.doubleValue ?? .infinity) >= (argument.doubleValue ?? 0))
        case "maximum": return problem(unless: (value.doubleValue ?? -.infinity) <= (argument.doubleValue ?? 0))
        case "minLength":
            return problem(unless: value.stringValue.map { $0.count >= argument.intValue ?? 0 } ?? true)
        case "pattern":
            let regex = try Regex(argument.stringValue ?? "")
            return problem(unless: value.stringValue.map { $0.contains(regex) } ?? true)
        case "minItems": return problem(unless: value.arrayValue.map { $0.count >= argument.intValue ?? 0 } ?? true)
        case "maxItems": return problem(unless: value.arrayValue.map { $0.count <= argument.intValue ?? 0 } ?? true)
        case "minProperties": return problem(unless: value.members.map { $0.count >= argument.intValue ?? 0 } ?? true)
        case "maxProperties": return problem(unless: value.members.map { $0.count <= argument.intValue ?? 0 } ?? true)
        case "items":
            return try (value.arrayValue ?? []).enumerated().flatMap { index, element in
                try self.problems(with: element, by: argument, at: "\(path)[\(index)]")
            }
        case "properties": return try self.members(of: value, argument, of: schema, at: path)
        case "propertyNames":
            return try (value.members ?? []).flatMap { member in
                try self.problems(with: .string(member.name), by: argument, at: "\(path).\(member.name)")
                    + (schema["additionalProperties"].map {
                        try self.problems(with: member.value, by: $0, at: "\(path).\(member.name)")
                    } ?? [])
            }
        case "required":
            return problem(unless: value.members == nil || list.allSatisfy { value[$0.stringValue ?? ""] != nil })
        case "dependentRequired":
            let broken = (argument.members ?? []).contains { dependency in
                value[dependency.name] != nil
                    && !(dependency.value.arrayValue ?? []).allSatisfy { value[$0.stringValue ?? ""] != nil }
            }
            return problem(unless: !broken)
        case "oneOf": return problem(unless: try list.count { try self.isValid(value, $0) } == 1)
        case "anyOf": return problem(unless: try list.contains { try self.isValid(value, $0) })
        case "allOf": return try list.flatMap { try self.problems(with: value, by: $0, at: path) }
        default: throw UnknownKeyword(keyword: keyword)
        }
    }

    private func members(of value: JSON, _ properties: JSON, of schema: JSON, at path: String) throws -> [String] {
        try (value.members ?? []).flatMap { member in
            guard let property = properties[member.name] else {
                return schema["additionalProperties"] == false ? ["\(path): unknown \(member.name)"] : []
            }
            return try self.problems(with: member.value, by: property, at: "\(path).\(member.name)")
        }
    }

    private static func isOf(_ type: String, _ value: JSON) -> Bool {
        switch type {
        case "object": value.members != nil
        case "array": value.arrayValue != nil
        case "string": value.stringValue != nil
        case "integer": value.intValue != nil
        case "number": value.doubleValue != nil
        case "boolean": value.boolValue != nil
        default: false
        }
    }
}

extension JSON {
    /// What a schema sees of a YAML file.
    init(_ node: YAMLNode) {
        switch node.kind {
        case .mapping(let pairs): self = .object(pairs.map { JSONMember($0.key.text, JSON($0.value)) })
        case .sequence(let elements): self = .array(elements.map(JSON.init))
        case .scalar(let scalar):
            switch scalar.resolved {
            case .null: self = .null
            case .bool(let value): self = .bool(value)
            case .int(let value): self = .int(value)
            case .double(let value): self = .double(value)
            case .string(let value): self = .string(value)
            }
        }
    }

    /// Every mapping inside, this one included.
    var objects: [JSON] {
        switch self {
        case .object(let members): [self] + members.flatMap(\.value.objects)
        case .array(let elements): elements.flatMap(\.objects)
        case .null, .bool, .int, .double, .string: []
        }
    }
}

/// The files that are shipped.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL

    /// The YAML files of a folder, by name.
    static func files(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: self.root.appending(path: folder).path())
            .filter { $0.hasSuffix(".yaml") && !$0.hasSuffix(".test.yaml") }.sorted().map { "\(folder)/\($0)" }
    }

    static func yaml(_ path: String) throws -> YAMLDocument {
        let bytes = Array(try Data(contentsOf: self.root.appending(path: path)))
        return YAMLDocument.parse(path: path, bytes: bytes, features: .configuration)
    }
}
