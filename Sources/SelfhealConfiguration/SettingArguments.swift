// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource
import RunbookYAML

/// `--set monitoring.interval=5s`: layers that stand on the command line.
///
/// A key with a full stop in it is quoted: `cluster.nodes."a.example.com".port=22`. The value is YAML, so that lists and numbers can be given;
/// `null`, and nothing at all, take the key away.
struct SettingArguments {
    static let limit = 200
    /// Nothing in a configuration is deeper.
    private static let depthLimit = 16

    /// The arguments as a file of one line each, so that a mistake has a place; nothing without arguments.
    let file: SourceFile?
    private(set) var layers: [YAMLNode] = []

    init(_ arguments: [String], _ sink: DiagnosticSink) {
        guard !arguments.isEmpty else {
            self.file = nil
            return
        }
        let lines = arguments.prefix(Self.limit).map { argument in
            String(argument.map { $0.isNewline ? " " : $0 })
        }
        let file = SourceFile(path: "--set", text: lines.joined(separator: "\n"))
        self.file = file
        if arguments.count > Self.limit {
            sink.report(.tooManySettings(limit: Self.limit, at: .wholeFile(file.path)))
        }
        for number in lines.indices {
            if let layer = Self.layer(file.utf8Range(ofLine: number + 1), of: file, sink) {
                self.layers.append(layer)
            }
        }
    }

    private static func layer(_ line: Range<Int>, of file: SourceFile, _ sink: DiagnosticSink) -> YAMLNode? {
        guard let (keys, equals) = self.keys(line, of: file) else {
            sink.report(.badSetting(at: file.span(utf8Range: line)))
            return nil
        }
        // In a text where everything else is blank the value stands where it stands on the command line.
        let start = equals + 1
        let blank = [UInt8](repeating: UInt8(ascii: " "), count: start - line.lowerBound)
        var text = file.utf8[..<line.lowerBound].map { $0 == UInt8(ascii: "\n") ? $0 : UInt8(ascii: " ") }
        text += blank + file.utf8[start..<line.upperBound]
        var value = YAMLNode(
            kind: .scalar(YAMLScalar(text: "", style: .plain, span: file.span(utf8Range: start..<line.upperBound))),
            span: file.span(utf8Range: start..<line.upperBound)
        )
        if file.utf8[start..<line.upperBound].contains(where: { $0 != UInt8(ascii: " ") }) {
            let document = YAMLDocument.parse(path: file.path, bytes: text)
            for diagnostic in document.diagnostics {
                sink.report(diagnostic)
            }
            guard let root = document.root else {
                return nil
            }
            value = root
        }
        return keys.reversed().reduce(value) { inner, key in
            let scalar = YAMLScalar(text: key.value, style: .plain, span: key.span)
            let span = file.span(utf8Range: key.span.start.offset..<line.upperBound)
            return YAMLNode(kind: .mapping([YAMLPair(key: scalar, value: inner)]), span: span)
        }
    }

    /// The keys in front of the `=`, and where it stands.
    private static func keys(_ line: Range<Int>, of file: SourceFile) -> (keys: [Spanned<String>], equals: Int)? {
        var keys: [Spanned<String>] = []
        var index = line.lowerBound
        while index < line.upperBound, keys.count < self.depthLimit {
            let isQuoted = file.utf8[index] == UInt8(ascii: "\"")
            let start = isQuoted ? index + 1 : index
            let ends = isQuoted ? Array("\"".utf8) : Array(".=".utf8)
            guard let end = file.utf8[start..<line.upperBound].firstIndex(where: ends.contains), end > start else {
                return nil
            }
            keys.append(
                Spanned(String(decoding: file.utf8[start..<end], as: UTF8.self), at: file.span(utf8Range: start..<end))
            )
            index = isQuoted ? end + 1 : end
            guard index < line.upperBound else {
                return nil
            }
            switch file.utf8[index] {
            case UInt8(ascii: "="): return (keys, index)
            case UInt8(ascii: "."): index += 1
            default: return nil
            }
        }
        return nil
    }
}
