// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource

/// Looks for what must not be in a text at all, before libyaml sees it.
///
/// Invisible characters can make a runbook read differently from how it runs; line separators that only
/// some programs know would make line numbers differ; and directives cost libyaml the square of their number.
struct TextScreening {
    var diagnostics: [Diagnostic] = []
    /// Whether libyaml would count lines as we do, and get through.
    private(set) var isReadable = true

    init(of file: SourceFile, limit: Int) {
        if !file.isPlain {
            self.findCharacters(in: file, limit: limit)
        }
        self.findDirective(in: file)
    }

    /// The name of a wide encoding that the bytes seem to be in.
    static func foreignEncoding(of bytes: [UInt8]) -> String? {
        let head = Array(bytes.prefix(4))
        switch head.count < 4 ? head + [1, 1, 1, 1] : head {
        case let head where head[...3] == [0, 0, 0xFE, 0xFF] || head[...2] == [0, 0, 0]: return "UTF-32BE"
        case let head where head[...3] == [0xFF, 0xFE, 0, 0] || head[1...3] == [0, 0, 0]: return "UTF-32LE"
        case let head where head[...1] == [0xFE, 0xFF] || (head[0] == 0 && head[2] == 0): return "UTF-16BE"
        case let head where head[...1] == [0xFF, 0xFE] || (head[1] == 0 && head[3] == 0): return "UTF-16LE"
        default: return nil
        }
    }

    private mutating func findCharacters(in file: SourceFile, limit: Int) {
        let bytes = file.utf8
        var index = file.hasByteOrderMark ? 3 : 0
        while index < bytes.count, self.diagnostics.count < limit {
            let byte = bytes[index]
            if byte < 0x80 {
                if byte == 0x7F || (byte < 0x20 && byte != 0x09 && byte != 0x0A && byte != 0x0D) {
                    self.isReadable = false
                    self.diagnostics.append(
                        .controlCharacter(UInt32(byte), at: file.span(utf8Range: index..<index + 1))
                    )
                }
                index += 1
                continue
            }
            let length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
            // Everything to be found starts with one of these.
            if byte == 0xC2 || byte == 0xD8 || byte == 0xE2 || byte == 0xEF {
                let scalar = bytes[index + 1..<index + length].reduce(UInt32(byte) & (0x7F >> UInt32(length))) {
                    $0 << 6 | UInt32($1 & 0x3F)
                }
                self.judge(scalar, at: index..<index + length, in: file)
            }
            index += length
        }
        // What was not looked at must not be read either.
        self.isReadable = self.isReadable && index >= bytes.count
    }

    private mutating func judge(_ scalar: UInt32, at range: Range<Int>, in file: SourceFile) {
        switch scalar {
        case 0x61C, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069:
            self.diagnostics.append(.directionCharacter(scalar, at: file.span(utf8Range: range)))
        case 0x85, 0x2028, 0x2029:
            self.isReadable = false
            self.diagnostics.append(.lineSeparator(scalar, at: file.span(utf8Range: range)))
        case 0x80...0x9F, 0xFEFF, 0xFFFE, 0xFFFF:
            self.isReadable = false
            self.diagnostics.append(.controlCharacter(scalar, at: file.span(utf8Range: range)))
        default:
            break
        }
    }

    /// The first line that says something may be `%YAML 1.2`, and no directive otherwise.
    private mutating func findDirective(in file: SourceFile) {
        var mayNameVersion = true
        for line in 1...file.lineCount {
            let range = file.utf8Range(ofLine: line)
            let text = file.utf8[range]
            guard let first = text.first(where: { $0 != 0x20 && $0 != 0x09 }), first != 0x23 else { continue }
            guard text.first == 0x25 else { return }
            let words = file.line(line).split(separator: " ").prefix { !$0.hasPrefix("#") }
            if mayNameVersion, words == ["%YAML", "1.2"] {
                mayNameVersion = false
                continue
            }
            self.isReadable = false
            self.diagnostics.append(.directive(words.first.map(String.init) ?? "%", at: file.span(utf8Range: range)))
            return
        }
    }
}

extension Diagnostic {
    static func controlCharacter(_ scalar: UInt32, at span: SourceSpan) -> Self {
        Self(
            code: Code(5),
            severity: .error,
            message: scalar == 0xFEFF
                ? "a byte order mark may stand only at the start of the file"
                : "the control character \(codePoint(scalar)) cannot be in a YAML file",
            span: span,
            help: "delete it; inside double quotes it can be written \\u\(codePoint(scalar).dropFirst(2))"
        )
    }

    static func directionCharacter(_ scalar: UInt32, at span: SourceSpan) -> Self {
        Self(
            code: Code(6),
            severity: .error,
            message: "the invisible character \(codePoint(scalar)) changes the direction of the text around it",
            span: span,
            help: "delete it: what people read would not be what is run; "
                + "inside double quotes it can be written \\u\(codePoint(scalar).dropFirst(2))"
        )
    }

    static func lineSeparator(_ scalar: UInt32, at span: SourceSpan) -> Self {
        Self(
            code: Code(7),
            severity: .error,
            message: "\(codePoint(scalar)) ends a line for some programs and not for others",
            span: span,
            help: "end the line as all others, or inside double quotes write \\u\(codePoint(scalar).dropFirst(2))"
        )
    }

    static func directive(_ name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(11),
            severity: .error,
            message: "the directive '\(name)' is not supported",
            span: span,
            help: "delete the line; files are YAML 1.2 without tags"
        )
    }
}

private func codePoint(_ scalar: UInt32) -> String {
    let digits = String(scalar, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}
