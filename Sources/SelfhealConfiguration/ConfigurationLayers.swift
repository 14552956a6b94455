// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML

/// Lays the files of a configuration one upon the other.
///
/// From below: `base_config:`, what `include:` names in its order, the file itself; then, of the chosen environment, what
/// `environments:` has for it and the file beside that bears its name; then `--set`. ``LayerMerge`` says what laying upon means.
struct ConfigurationLayers {
    /// Files that include files that include files.
    static let depthLimit = 8
    /// All files together.
    static let fileLimit = 64

    /// Keys that say what belongs together, and so are no part of the result.
    static let keys = ["base_config", "environments", "include"] + Self.namedEnvironments
    /// Environments that may stand at the top by themselves.
    static let namedEnvironments = ["development", "production", "staging"]

    private struct Overlay {
        let environment: String
        let tree: YAMLNode
    }

    let sources: ConfigurationSources
    private(set) var folders: LocalFolders
    private(set) var files: [SourceFile] = []
    private(set) var sought: [String] = []
    private(set) var environment: String?
    private let sink = DiagnosticSink()
    /// What YAML had to say about the files.
    private var syntax: [Diagnostic] = []
    private var overlays: [Overlay] = []

    init(_ sources: ConfigurationSources, folders: LocalFolders) {
        self.sources = sources
        self.folders = folders
    }

    var diagnostics: [Diagnostic] { self.syntax + self.sink.diagnostics }

    /// Everything that is written, with its references as they are; nothing when there is no telling what was meant.
    mutating func assemble(_ main: YAMLDocument) -> YAMLNode? {
        self.sought.append(main.file.path)
        self.files.append(main.file)
        self.syntax += main.diagnostics
        guard let root = main.root else {
            return nil
        }
        if let diagnostic = Diagnostic.foreign(root) {
            self.sink.report(diagnostic)
            return nil
        }
        guard root.mapping != nil else {
            return root
        }
        var tree = self.flatten(root, chain: [self.path(of: main)])
        self.applyEnvironment(to: &tree, main)
        let settings = SettingArguments(self.sources.settings, self.sink)
        if let file = settings.file {
            self.files.append(file)
            self.folders.others[file.path] = "."
        }
        for setting in settings.layers {
            tree = self.merge(tree, self.withoutLayerKeys(setting))
        }
        // What is missing is missing in the configuration's own file.
        tree.span = root.span
        return tree
    }

    /// The path by which another file would name the configuration's own.
    private func path(of main: YAMLDocument) -> String {
        self.folders.resolve(main.file.path.split(separator: "/").last.map { String($0) } ?? main.file.path)
    }

    private func merge(_ lower: YAMLNode, _ upper: YAMLNode) -> YAMLNode {
        LayerMerge(sink: self.sink).merge(lower, upper, at: [])
    }

    // MARK: One file

    /// A file with what lies below it; its overlays are put aside.
    private mutating func flatten(_ root: YAMLNode, chain: [String]) -> YAMLNode {
        guard var reader = MappingReader(root, what: "the configuration", sink: self.sink) else {
            return root
        }
        var tree = YAMLNode(kind: .mapping([]), span: root.span)
        if let base = self.mapping("base_config", &reader) {
            tree = self.merge(tree, self.withoutLayerKeys(base))
        }
        for path in reader.texts("include") ?? [] {
            if let included = self.include(path, chain: chain) {
                tree = self.merge(tree, included)
            }
        }
        for (name, node) in reader.named("environments", "a mapping of names to what is different there") ?? [] {
            if let node = self.mapping(node, "environment '\(name.value)'") {
                self.overlays.append(Overlay(environment: name.value, tree: self.withoutLayerKeys(node)))
            }
        }
        for name in Self.namedEnvironments {
            if let node = self.mapping(name, &reader) {
                self.overlays.append(Overlay(environment: name, tree: self.withoutLayerKeys(node)))
            }
        }
        var body = root
        body.kind = .mapping((root.mapping ?? []).filter { !Self.keys.contains($0.key.text) })
        return self.merge(tree, body)
    }

    private func mapping(_ key: String, _ reader: inout MappingReader) -> YAMLNode? {
        reader.take(key).flatMap { self.mapping($0, "'\(key)'") }
    }

    /// The node, if it is a mapping, or a diagnostic.
    private func mapping(_ node: YAMLNode, _ what: String) -> YAMLNode? {
        MappingReader(node, what: what, sink: self.sink).map { _ in node }
    }

    /// What goes above the rest and may not bring in more by itself.
    private func withoutLayerKeys(_ node: YAMLNode) -> YAMLNode {
        guard let pairs = node.mapping else {
            return node
        }
        var node = node
        node.kind = .mapping(
            pairs.filter { pair in
                guard Self.keys.contains(pair.key.text) || pair.key.text == "environment" else {
                    return true
                }
                self.sink.report(.misplacedLayerKey(pair.key.text, at: pair.key.span))
                return false
            }
        )
        return node
    }

    private mutating func include(_ name: Spanned<String>, chain: [String]) -> YAMLNode? {
        let path = self.folders.resolve(name)
        if let index = chain.firstIndex(where: { Self.normal($0) == Self.normal(path) }) {
            self.sink.report(.includeCycle(Array(chain[index...]) + [path], at: name.span))
            return nil
        }
        guard chain.count <= Self.depthLimit, self.files.count < Self.fileLimit else {
            self.sink.report(.tooManyFiles(depth: Self.depthLimit, files: Self.fileLimit, at: name.span))
            return nil
        }
        switch self.read(path) {
        case .success(let root): return root.map { self.flatten($0, chain: chain + [path]) }
        case .failure(let problem):
            self.sink.report(.unreadableLayer(path, problem.reason, at: name.span))
            return nil
        }
    }

    /// `a/./b/../c` is `a/c`, so that a file is known by whatever name it comes.
    private static func normal(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." {
                parts.removeLast()
            } else {
                parts.append(part)
            }
        }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
    }

    /// The mapping in a file; nothing where there is none, which has then been said.
    private mutating func read(_ path: String) -> Result<YAMLNode?, ConfigurationSources.Unreadable> {
        if !self.sought.contains(path) {
            self.sought.append(path)
        }
        return self.sources.read(path).map { bytes in
            let document = YAMLDocument.parse(path: path, bytes: bytes, features: .configuration)
            if !self.files.contains(where: { $0.path == path }) {
                self.files.append(document.file)
            }
            self.folders.others[path] = LocalFolders.folder(of: path)
            self.syntax += document.diagnostics
            return document.root.flatMap { self.mapping($0, "'\(path)'") }
        }
    }

    // MARK: Environments

    private mutating func applyEnvironment(to tree: inout YAMLNode, _ main: YAMLDocument) {
        guard let name = self.environmentName(tree) else {
            return
        }
        self.environment = name.value
        if self.sources.overlay != nil {
            let key = YAMLScalar(text: "environment", style: .plain, span: name.span)
            let value = YAMLNode(
                kind: .scalar(YAMLScalar(text: name.value, style: .doubleQuoted, span: name.span)),
                span: name.span
            )
            tree = self.merge(tree, YAMLNode(kind: .mapping([YAMLPair(key: key, value: value)]), span: name.span))
        }
        let file = self.folders.resolve(Self.overlayName(of: main.file.path, name.value))
        var isThere = self.apply(name.value, to: &tree)
        switch self.read(file) {
        case .success(let root):
            isThere = true
            if let root {
                tree = self.merge(tree, self.flatten(root, chain: [self.path(of: main), file]))
                _ = self.apply(name.value, to: &tree)
            }
        case .failure(let problem) where problem.isMissing: break
        case .failure(let problem): self.sink.report(.unreadableLayer(file, problem.reason, at: name.span))
        }
        // A file may say what it is for and be all there is; who asks for an environment means a difference.
        if self.sources.overlay != nil, !isThere {
            let known = Set(self.overlays.map(\.environment)).sorted()
            self.sink.report(.nothingForEnvironment(name.value, file: file, known: known, in: main.file.path))
        }
    }

    private mutating func environmentName(_ tree: YAMLNode) -> Spanned<String>? {
        let name: Spanned<String>
        if let overlay = self.sources.overlay {
            let file = SourceFile(path: "--environment", text: overlay)
            self.files.append(file)
            name = Spanned(overlay, at: file.wholeSpan)
        } else if let node = tree["environment"], let scalar = node.scalar, !node.isNull {
            name = Spanned(scalar.text, at: node.span)
        } else {
            return nil
        }
        guard Characters.isName(name.value) else {
            self.sink.report(.badConfiguredName(name.value, what: "environment", at: name.span))
            return nil
        }
        return name
    }

    /// Lays the overlays of an environment upon the tree, those of later files last, and forgets them.
    private mutating func apply(_ environment: String, to tree: inout YAMLNode) -> Bool {
        let found = self.overlays.filter { $0.environment == environment }
        self.overlays.removeAll { $0.environment == environment }
        for overlay in found {
            tree = self.merge(tree, overlay.tree)
        }
        return !found.isEmpty
    }

    /// `selfheal.yaml` has `selfheal.production.yaml` beside it.
    private static func overlayName(of path: String, _ environment: String) -> String {
        let name = path.split(separator: "/").last ?? "selfheal.yaml"
        guard let dot = name.lastIndex(of: "."), dot != name.startIndex else {
            return "\(name).\(environment)"
        }
        return "\(name[..<dot]).\(environment)\(name[dot...])"
    }
}
