// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunbookSource

// What ``YAMLTreeBuilder`` reports.

extension Diagnostic {
    static func emptyFile(_ file: SourceFile) -> Self {
        let hasText = file.utf8.contains { $0 > 0x20 }
        return Self(
            code: Code(1),
            severity: .error,
            message: hasText ? "there is nothing in the file but comments" : "the file is empty",
            span: .wholeFile(file.path)
        )
    }

    static func nestedTooDeep(limit: Int, at span: SourceSpan) -> Self {
        Self(
            code: Code(8),
            severity: .error,
            message: "lists and mappings are nested more than \(limit) levels deep here",
            span: span,
            help: "nothing in a runbook needs that many; look for brackets that are never closed"
        )
    }

    static func tooManyValues(limit: Int, at span: SourceSpan) -> Self {
        Self(
            code: Code(9),
            severity: .error,
            message: "the file holds more than \(limit) values",
            span: span,
            help: "split it into several files"
        )
    }

    static func secondDocument(at span: SourceSpan) -> Self {
        Self(
            code: Code(10),
            severity: .error,
            message: "a second document starts here",
            span: span,
            help: "keep one document in a file"
        )
    }

    static func tag(_ span: SourceSpan, in file: SourceFile) -> Self {
        let tag = file.text(of: span)
        return Self(
            code: Code(12),
            severity: .error,
            message: "the tag '\(shortened(tag))' is not allowed",
            span: span,
            help: tag.hasPrefix("!!")
                ? "delete it; to make a value text, put it in quotes"
                : "an unquoted '!' starts a tag; put the value in quotes if it is an expression"
        )
    }

    static func duplicateKey(_ key: String, at span: SourceSpan, first: SourceSpan) -> Self {
        Self(
            code: Code(13),
            severity: .error,
            message: "'\(shortened(key))' is given twice",
            span: span,
            notes: [Note(message: "first given here", span: first)],
            help: "delete one of them"
        )
    }

    static func keyIsNotText(_ kindName: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(14),
            severity: .error,
            message: "\(kindName) cannot be a key",
            span: span,
            help: "quote it if it is meant as text, as '${{ … }}' must be where a value starts with '{' or '['"
        )
    }

    static func keyIsMissing(at span: SourceSpan) -> Self {
        Self(
            code: Code(15),
            severity: .error,
            message: "a key is missing before ':'",
            span: span,
            help: "name the key, or quote the value if the ':' belongs to it"
        )
    }

    static func mergeKeyNotAllowed(at span: SourceSpan) -> Self {
        Self(
            code: Code(16),
            severity: .error,
            message: "'<<' merges keys that are written elsewhere, which this file may not do",
            span: span,
            help: "write the keys out, so that whoever reads the file sees what it does"
        )
    }

    static func mergeNeedsMapping(_ kindName: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(17),
            severity: .error,
            message: "'<<' can merge mappings only, and this is \(kindName)",
            span: span,
            help: "write '<<: *anchor', or '<<: [*first, *second]'"
        )
    }

    static func unknownAlias(_ name: String, at span: SourceSpan, known: [String]) -> Self {
        let suggestion = DidYouMean.suggestion(for: name, among: known).map { "did you mean '*\($0)'?" }
        // `*base.monitoring` looks like a part of `&base`, and is another name altogether.
        let whole = name.firstIndex(of: ".").map { String(name[..<$0]) }
        let part = whole.flatMap { whole in
            known.contains(whole) ? "'&\(shortened(whole))' has no parts: anchor the part itself, and repeat that" : nil
        }
        return Self(
            code: Code(18),
            severity: .error,
            message: "no '&\(shortened(name))' stands above this alias",
            span: span,
            help: part ?? suggestion ?? "quote the value if it is meant to start with '*'"
        )
    }

    static func aliasInsideItself(_ name: String, at span: SourceSpan, anchor: SourceSpan) -> Self {
        Self(
            code: Code(19),
            severity: .error,
            message: "'*\(shortened(name))' stands inside the value that it repeats",
            span: span,
            notes: [Note(message: "the value starts here", span: anchor)],
            help: "repeat a smaller part, or write it out"
        )
    }

    static func aliasesExpandTooFar(limit: Int, at span: SourceSpan, anchor: SourceSpan) -> Self {
        Self(
            code: Code(20),
            severity: .error,
            message: "aliases expand to more than \(limit) values",
            span: span,
            notes: [Note(message: "what this alias repeats", span: anchor)],
            help: "write values out instead of repeating repetitions"
        )
    }

    static func spaceIsMissing(_ text: String, name: String, at span: SourceSpan, severity: Severity) -> Self {
        Self(
            code: Code(26),
            severity: severity,
            message: "a space is missing behind the ':' in '\(shortened(text))'",
            span: span,
            help: "write '\(shortened(name)): …'"
        )
    }

    /// Other readers would take an unquoted text for something else.
    ///
    /// For checkers that expect text and find a scalar that ``YAMLScalar/looksAmbiguous``.
    package static func ambiguousScalar(_ scalar: YAMLScalar) -> Self {
        Self(
            code: Code(33),
            severity: .warning,
            message:
                "'\(shortened(scalar.text))' is text here, and \(scalar.ambiguity ?? "something else") to older YAML readers",
            span: scalar.span,
            help: "put it in quotes"
        )
    }
}

/// A name that is quoted in a message, cut to what fits on a line.
func shortened(_ text: String) -> String {
    let limit = 60
    let line = text.prefix { !$0.isNewline }
    return line.count > limit || line.endIndex != text.endIndex ? line.prefix(limit) + "…" : text
}
