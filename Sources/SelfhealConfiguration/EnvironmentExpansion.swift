// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML

/// Replaces `${NAME}` by what the environment says, and `${file:PATH}` by the first line of a file.
///
/// A replacement is text and nothing else: it cannot bring keys or lists with it. What stands in a section that nothing reads is left alone,
/// so that a variable which nobody needs may be missing.
struct EnvironmentExpansion {
    let environment: [String: String]
    let folders: LocalFolders
    let read: ConfigurationSources.Reader
    /// The files that references name, whether or not they are there.
    private(set) var secretFiles: [String] = []
    var diagnostics: [Diagnostic] = []
    /// The scalars whose text came from the environment, at least in part.
    private(set) var expanded: Set<SourceSpan> = []
    /// The scalars whose text could not be made out.
    private(set) var broken: Set<SourceSpan> = []
    /// The variables that the environment does not have, and the files that cannot be read, by the scalar that names them.
    private(set) var missing: [SourceSpan: [String]] = [:]

    /// A secret is a line, and not a disk image.
    private static let secretLimit = 64 << 10

    init(_ sources: ConfigurationSources, folders: LocalFolders) {
        self.environment = sources.environment
        self.read = sources.read
        self.folders = folders
    }

    /// Expands all that is acted upon.
    mutating func expand(_ root: YAMLNode) -> YAMLNode {
        self.expand(root, skipping: UnactedKeys.root) { UnactedKeys.inside($0) }
    }

    private mutating func expand(
        _ node: YAMLNode,
        skipping skipped: Set<String>,
        within: (_ section: String) -> Set<String> = { _ in [] }
    ) -> YAMLNode {
        var node = node
        switch node.kind {
        case .scalar(let scalar):
            node.kind = .scalar(self.expand(scalar))
        case .sequence(let elements):
            node.kind = .sequence(elements.map { self.expand($0, skipping: []) })
        case .mapping(let pairs):
            node.kind = .mapping(
                pairs.map { pair in
                    guard !skipped.contains(pair.key.text) else {
                        return pair
                    }
                    // Where it is to be had is what is kept of a passphrase, so its reference stays one.
                    guard pair.key.text != "passphrase" else {
                        return pair
                    }
                    let value = self.expand(pair.value, skipping: within(pair.key.text))
                    return YAMLPair(key: pair.key, value: value)
                }
            )
        }
        return node
    }

    private mutating func expand(_ scalar: YAMLScalar) -> YAMLScalar {
        let bytes = Array(scalar.text.utf8)
        guard bytes.contains(UInt8(ascii: "$")) else {
            return scalar
        }
        var text: [UInt8] = []
        var isWhole = false
        var rest = bytes[...]
        while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
            text += rest[..<dollar]
            rest = rest[dollar...]
            if rest.starts(with: Array("$${".utf8)) {
                text += Array("${".utf8)
                rest = rest.dropFirst(3)
            } else if rest.starts(with: Array("${".utf8)) {
                let end = rest.firstIndex(of: UInt8(ascii: "}")).map { $0 + 1 } ?? bytes.endIndex
                let place = { scalar.span(ofUTF8Range: dollar..<end) }
                if let value = self.value(of: rest[..<end], in: scalar.span, at: place) {
                    self.expanded.insert(scalar.span)
                    text += Array(value.utf8)
                } else {
                    self.broken.insert(scalar.span)
                }
                isWhole = dollar == 0 && end == bytes.endIndex
                rest = rest[end...]
            } else {
                text.append(rest.removeFirst())
            }
        }
        var replaced = scalar
        replaced.text = String(decoding: text + rest, as: UTF8.self)
        // A port may come from the environment, and `{ port: ${PORT} }` has to be quoted in YAML.
        if isWhole {
            replaced.style = .plain
        }
        return replaced
    }

    private mutating func value(
        of reference: ArraySlice<UInt8>,
        in scalar: SourceSpan,
        at place: () -> SourceSpan
    ) -> String? {
        let name = String(decoding: reference.dropFirst(2).dropLast(), as: UTF8.self)
        if reference.last == UInt8(ascii: "}"), name.hasPrefix("file:"), name.utf8.count > 5 {
            return self.firstLine(of: String(name.dropFirst(5)), in: scalar, at: place)
        }
        guard reference.last == UInt8(ascii: "}"), Self.isName(name) else {
            let isExpression = reference.dropFirst(2).first == UInt8(ascii: "{")
            self.diagnostics.append(.badReference(isExpression: isExpression, at: place()))
            return nil
        }
        guard let value = self.environment[name] else {
            self.missing[scalar, default: []].append(name)
            self.diagnostics.append(.missingVariable(name, at: place()))
            return nil
        }
        return value
    }

    private mutating func firstLine(
        of name: String,
        in scalar: SourceSpan,
        at place: () -> SourceSpan
    ) -> String? {
        let path = self.folders.resolve(Spanned(name, at: scalar))
        if !self.secretFiles.contains(path) {
            self.secretFiles.append(path)
        }
        let problem: String
        switch self.read(path) {
        case .failure(let unreadable): problem = unreadable.reason
        case .success(let bytes) where bytes.count > Self.secretLimit:
            problem = "it is larger than \(Self.secretLimit >> 10) KiB"
        case .success(let bytes):
            let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
            if line.isEmpty {
                problem = "its first line is empty"
            } else if let text = String(validating: line, as: UTF8.self) {
                return text
            } else {
                problem = "it is not UTF-8"
            }
        }
        self.missing[scalar, default: []].append("file:\(path)")
        self.diagnostics.append(.unreadableSecret(path, problem, at: place()))
        return nil
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || Characters.isLetterOrDigit($0) }
    }
}
