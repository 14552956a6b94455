// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary
import RunbookSource
import RunbookYAML

/// How it is printed: as YAML with the origins in comments, and as JSON.
extension EffectiveConfiguration {
    /// YAML that has the origin of every value behind it.
    package var yaml: String {
        var writer = EffectiveWriter()
        writer.write(self.root, indent: 0)
        return writer.text
    }

    /// The files, the values as they are nested, and every one of them with its origin, by its path: `cluster.nodes[0].host`.
    package func json(of loaded: LoadedConfiguration) -> JSON {
        var values: [JSON] = []
        Self.collect(self.root, at: "", into: &values)
        let files = loaded.files.map(\.path).filter { !$0.hasPrefix("--") }
        return .object([
            JSONMember("environment", loaded.environment.map { .string($0) } ?? .null),
            JSONMember("files", .array(files.map { .string($0) })),
            JSONMember("configuration", Self.plain(self.root)),
            JSONMember("values", .array(values)),
        ])
    }

    private static func plain(_ value: Value) -> JSON {
        switch value {
        case .scalar(let value, _): value
        case .list(let values): .array(values.map(self.plain))
        case .mapping(let members): .object(members.map { JSONMember($0.key, self.plain($0.value)) })
        }
    }

    private static func collect(_ value: Value, at path: String, into values: inout [JSON]) {
        switch value {
        case .scalar(let scalar, let origin):
            values.append(
                .object([
                    JSONMember("path", .string(path)), JSONMember("value", scalar),
                    JSONMember("origin", origin.json),
                ])
            )
        case .list(let elements):
            for (index, element) in elements.enumerated() {
                self.collect(element, at: "\(path)[\(index)]", into: &values)
            }
        case .mapping(let members):
            for member in members {
                let key = member.key.contains(".") ? "\"\(member.key)\"" : member.key
                self.collect(member.value, at: path.isEmpty ? key : "\(path).\(key)", into: &values)
            }
        }
    }
}

extension EffectiveConfiguration.Origin {
    /// `selfheal.yaml:7, from ${HOST}`.
    package var text: String {
        let place =
            switch self.kind {
            case .file: "\(self.name):\(self.line)"
            case .option: self.name
            case .default: "default"
            }
        return place + (self.reference.map { ", from \($0)" } ?? "") + (self.isMissing ? ", which is not there" : "")
    }

    fileprivate var json: JSON {
        var members = [JSONMember("kind", .string(self.kind.rawValue))]
        if self.kind != .default {
            members.append(JSONMember("name", .string(self.name)))
            members.append(JSONMember("line", .int(Int64(self.line))))
            members.append(JSONMember("column", .int(Int64(self.column))))
        }
        if let reference = self.reference {
            members.append(JSONMember("reference", .string(reference)))
            members.append(JSONMember("missing", .bool(self.isMissing)))
        }
        return .object(members)
    }
}

/// Writes block style, one value a line.
private struct EffectiveWriter {
    private var lines: [(text: String, comment: String?)] = []

    /// Comments stand below one another, unless a line is longer than this.
    private static let widest = 60

    var text: String {
        let column = self.lines.filter { $0.comment != nil }.map { min($0.text.count, Self.widest) }.max() ?? 0
        return self.lines.map { line in
            guard let comment = line.comment else {
                return line.text
            }
            let space = String(repeating: " ", count: max(0, column - line.text.count) + 2)
            return "\(line.text)\(space)# \(comment)"
        }
        .joined(separator: "\n")
    }

    /// Writes a value with the key that it belongs to; `dash` is the `- ` in front of an element of a list.
    mutating func write(_ value: EffectiveConfiguration.Value, indent: Int, dash: String = "", key: String? = nil) {
        let depth = indent + dash.count
        let margin = String(repeating: " ", count: indent) + dash
        let head = key.map { Self.text(of: .string($0)) + ":" }
        switch value {
        case .scalar(let scalar, let origin):
            let start = margin + (head.map { $0 + " " } ?? "")
            self.lines.append((start + Self.text(of: scalar), Self.onOneLine(origin.text)))
        case .list(let values) where values.isEmpty: self.lines.append(("\(margin)\(head ?? "") []", nil))
        case .mapping(let members) where members.isEmpty: self.lines.append(("\(margin)\(head ?? "") {}", nil))
        case .list(let values):
            if head != nil || !dash.isEmpty {
                self.lines.append((head.map { margin + $0 } ?? String(margin.dropLast()), nil))
            }
            for element in values {
                self.write(element, indent: head == nil ? depth : depth + 2, dash: "- ")
            }
        case .mapping(let members):
            if let head {
                self.lines.append((margin + head, nil))
                for member in members {
                    self.write(member.value, indent: depth + 2, key: member.key)
                }
            } else {
                for (number, member) in members.enumerated() {
                    let isFirst = number == 0
                    self.write(
                        member.value,
                        indent: isFirst ? indent : depth,
                        dash: isFirst ? dash : "",
                        key: member.key
                    )
                }
            }
        }
    }

    private static func text(of scalar: JSON) -> String {
        guard case .string(let text) = scalar else {
            return scalar.text
        }
        return self.isPlain(text) ? text : self.onOneLine(JSON.string(text).text)
    }

    /// Whether a text needs no quotes, whoever reads it.
    private static func isPlain(_ text: String) -> Bool {
        let scalar = YAMLScalar(text: text, style: .plain, span: .wholeFile(""))
        guard case .string = scalar.resolved, !scalar.looksAmbiguous, let first = text.utf8.first else {
            return false
        }
        return (Characters.isLetterOrDigit(first) || first == UInt8(ascii: "/"))
            && text.utf8.allSatisfy { Characters.isLetterOrDigit($0) || "._/@+-".utf8.contains($0) }
    }

    /// What came from a file may not begin a line of its own, or turn one around.
    private static func onOneLine(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
                    default: scalar
                    }
                }
            )
        )
    }
}
