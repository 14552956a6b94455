// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource

// What ``YAMLTroubles`` reports.

extension Diagnostic {
    static func tabIndent(at span: SourceSpan, others: Int) -> Self {
        Self(
            code: Code(21),
            severity: .error,
            message: "the line is indented with a tab",
            span: span,
            notes: others == 0
                ? [] : [Note(message: "\(others) more \(others == 1 ? "line starts" : "lines start") with a tab")],
            help: "indent with spaces; most editors can be told to, for YAML files alone"
        )
    }

    static func indentation(_ word: String, at span: SourceSpan, mapping: SourceSpan?) -> Self {
        Self(
            code: Code(22),
            severity: .error,
            message: mapping == nil
                ? "'\(shortened(word))' is indented deeper than the line above allows"
                : "the indentation of '\(shortened(word))' fits nothing above",
            span: span,
            notes: mapping.map { [Note(message: "what it stands in starts in column \($0.start.column)", span: $0)] }
                ?? [],
            help: "keys of one mapping, and items of one list, all start in the same column"
        )
    }

    static func bracketNotClosed(_ bracket: String, at span: SourceSpan, end: SourceSpan?) -> Self {
        Self(
            code: Code(23),
            severity: .error,
            message: "this '\(bracket)' is never closed",
            span: span,
            notes: end.map { [Note(message: "it should have been closed before this", span: $0)] } ?? [],
            help: "close it with '\(bracket == "[" ? "]" : "}")', or quote the value if it is meant as text"
        )
    }

    static func separatorMissing(
        _ bracket: String,
        at span: SourceSpan,
        opening: SourceSpan,
        isExpression: Bool
    ) -> Self {
        Self(
            code: Code(23),
            severity: .error,
            message: "',' or '\(bracket)' is missing here",
            span: span,
            notes: [Note(message: "opened here", span: opening)],
            help: isExpression
                ? "inside brackets, text with ${{ … }} needs quotes"
                : "quote the value if what follows belongs to it"
        )
    }

    static func quoteNotClosed(_ quote: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(24),
            severity: .error,
            message: "this \(quote == "'" ? "single" : "double") quote is never closed",
            span: span,
            help: quote == "'"
                ? "close it; inside single quotes, a single quote is written twice"
                : "close it; inside double quotes, a double quote is written \\\""
        )
    }

    static func colonInValue(at span: SourceSpan) -> Self {
        Self(
            code: Code(25),
            severity: .error,
            message: "a value with ': ' in it must be quoted",
            span: span,
            help: "put all of it in quotes, or start the inner key on a line of its own"
        )
    }

    static func colonIsMissing(_ text: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(26),
            severity: .error,
            message: "'\(shortened(text))' has no ':'",
            span: span,
            help: "write 'key: value', or indent the line if it continues the text above"
        )
    }

    static func textBehindValue(at span: SourceSpan) -> Self {
        Self(
            code: Code(27),
            severity: .error,
            message: "there is more text behind the value",
            span: span,
            help: "put the whole value in one pair of quotes; inside '…' a single quote is written twice"
        )
    }

    static func listOnKeyLine(at span: SourceSpan) -> Self {
        Self(
            code: Code(28),
            severity: .error,
            message: "a list cannot start on the line of its key",
            span: span,
            help: "start it on the next line, or write [a, b]; quote the value if the '-' belongs to it"
        )
    }

    static func itemAmongKeys(at span: SourceSpan, mapping: SourceSpan) -> Self {
        Self(
            code: Code(28),
            severity: .error,
            message: "a list item cannot stand among keys",
            span: span,
            notes: [Note(message: "the keys start here", span: mapping)],
            help: "indent it below the key whose list it is in"
        )
    }

    static func keyAmongItems(_ key: String, at span: SourceSpan, list: SourceSpan) -> Self {
        Self(
            code: Code(28),
            severity: .error,
            message: "'\(shortened(key))' cannot stand among the items of a list",
            span: span,
            notes: [Note(message: "the list starts here", span: list)],
            help: "start it with '- ', or indent it to belong to the item above"
        )
    }

    static func cannotStartValue(_ character: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(29),
            severity: .error,
            message: "an unquoted value cannot start with '\(character)' like this",
            span: span,
            help: "put the value in quotes"
        )
    }

    static func aliasOfPart(_ alias: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(18),
            severity: .error,
            message: "'\(shortened(alias))' is no alias: a name has letters, digits, '-' and '_' only",
            span: span,
            help: "an alias repeats a whole value; to repeat a part of one, give that part an anchor of its own"
        )
    }

    static func unknownEscape(_ escape: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(30),
            severity: .error,
            message: "'\(escape)' is no escape of double quotes",
            span: span,
            help: "write \\\\ for a backslash, or use single quotes, which know no escapes"
        )
    }

    static func blockHeader(_ indicator: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(31),
            severity: .error,
            message: "a text block cannot start like this",
            span: span,
            help: "put nothing but '\(indicator)' on the line of the key, and indent the text below it with spaces"
        )
    }

    static func strayPunctuation(_ character: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(32),
            severity: .error,
            message: "]}".contains(character)
                ? "this '\(character)' closes nothing" : "there is no value before this '\(character)'",
            span: span,
            help: "delete it, or quote the value if it is meant as text"
        )
    }

    static func notYAML(_ problem: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(40),
            severity: .error,
            message: "this is not YAML: \(problem)",
            span: span,
            help: "compare the line with its neighbours; quotes around a value often help"
        )
    }
}
