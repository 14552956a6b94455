// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

/// A YAML file that has been read: the tree if there is one, and everything wrong with the file.
///
/// The tree is there even if there are errors, as long as libyaml could go on; whoever reads it then finds
/// more mistakes in the same pass. It must not be *used* unless ``isUsable``.
package struct YAMLDocument: Sendable {
    /// The text that positions refer to.
    package let file: SourceFile
    package let root: YAMLNode?
    /// In source order.
    package let diagnostics: [Diagnostic]

    package var isUsable: Bool { self.root != nil && !self.diagnostics.hasErrors }

    package static func parse(
        _ file: SourceFile,
        features: YAMLFeatures = .runbook,
        limits: YAMLLimits = YAMLLimits()
    ) -> YAMLDocument {
        guard file.utf8.count <= limits.bytes else {
            return Self(refusing: file.path, .fileTooLarge(file.path, limit: limits.bytes))
        }
        var screening = TextScreening(of: file, limit: limits.diagnostics)
        guard screening.isReadable else {
            return Self(file: file, root: nil, diagnostics: screening.diagnostics)
        }
        var root: YAMLNode?
        unsafe file.utf8.withUnsafeBufferPointer { bytes in
            guard let reader = unsafe YAMLEventReader(reading: bytes, of: file) else {
                screening.diagnostics.append(.notYAML("out of memory", at: file.wholeSpan))
                return
            }
            var builder = YAMLTreeBuilder(
                file: file,
                features: features,
                limits: limits,
                diagnostics: screening.diagnostics
            )
            root = builder.read(from: reader)
            screening.diagnostics = builder.diagnostics
        }
        return Self(file: file, root: root, diagnostics: screening.diagnostics.inSourceOrder())
    }

    /// Reads bytes as they come from a disk or a stranger.
    package static func parse(
        path: String,
        bytes: [UInt8],
        features: YAMLFeatures = .runbook,
        limits: YAMLLimits = YAMLLimits()
    ) -> YAMLDocument {
        guard bytes.count <= limits.bytes else {
            return Self(refusing: path, .fileTooLarge(path, limit: limits.bytes))
        }
        if let encoding = TextScreening.foreignEncoding(of: bytes) {
            return Self(refusing: path, .foreignEncoding(encoding, path: path))
        }
        if let file = SourceFile(path: path, utf8: bytes) {
            return Self.parse(file, features: features, limits: limits)
        }
        // What decodes differently is repaired, and the first repair stands where the damage is.
        let file = SourceFile(path: path, text: String(decoding: bytes, as: UTF8.self))
        let offset = zip(file.utf8, bytes).enumerated().first { $1.0 != $1.1 }?.offset ?? bytes.count
        let start = min(offset, file.utf8.count)
        let place = file.span(utf8Range: start..<min(start + 3, file.utf8.count))
        let byte = offset < bytes.count ? bytes[offset] : 0
        return Self(file: file, root: nil, diagnostics: [.invalidUTF8(byte, at: place)])
    }

    private init(file: SourceFile, root: YAMLNode?, diagnostics: [Diagnostic]) {
        self.file = file
        self.root = root
        self.diagnostics = diagnostics
    }

    private init(refusing path: String, _ diagnostic: Diagnostic) {
        self.init(file: SourceFile(path: path, text: ""), root: nil, diagnostics: [diagnostic])
    }
}

extension Diagnostic {
    static func fileTooLarge(_ path: String, limit: Int) -> Self {
        let size = limit >= 1 << 20 ? "\(limit >> 20) MiB" : "\(limit) bytes"
        return Self(
            code: Code(2),
            severity: .error,
            message: "the file is larger than \(size)",
            span: .wholeFile(path),
            help: "split it into runbooks that 'call' one another"
        )
    }

    static func invalidUTF8(_ byte: UInt8, at span: SourceSpan) -> Self {
        let digits = String(byte, radix: 16, uppercase: true)
        return Self(
            code: Code(3),
            severity: .error,
            message: "the byte 0x\(digits.count < 2 ? "0" : "")\(digits) is not UTF-8",
            span: span,
            help: "save the file as UTF-8; an editor may call its present encoding Latin-1 or Windows-1252"
        )
    }

    static func foreignEncoding(_ encoding: String, path: String) -> Self {
        Self(
            code: Code(4),
            severity: .error,
            message: "the file is \(encoding), not UTF-8",
            span: .wholeFile(path),
            help: "save it as UTF-8, for example with: iconv -f \(encoding) -t UTF-8"
        )
    }
}
