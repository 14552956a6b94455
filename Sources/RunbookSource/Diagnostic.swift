// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Something the author of a runbook should know.
///
/// Checks append diagnostics and carry on; they do not throw. A runbook with three mistakes gets three
/// diagnostics, in source order.
package struct Diagnostic: Hashable, Sendable {
    package enum Severity: String, Hashable, Sendable, Codable {
        case error
        case warning
    }

    /// A stable number, shown as `RB0207` and explained in `docs/diagnostics/RB0207.md`.
    ///
    /// A number is never reused, not even after its check is gone.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let number: UInt16

        package init(_ number: UInt16) {
            self.number = number
        }

        /// Reads `RB0207` or `rb0207`; anything else is nil.
        package init?(_ text: String) {
            guard text.utf8.count == 6, text.lowercased().hasPrefix("rb") else { return nil }
            let digits = text.dropFirst(2)
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(digits) else {
                return nil
            }
            self.number = number
        }

        package var description: String {
            let digits = String(self.number)
            return "RB" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        }
    }

    /// What the diagnostic needs said about another place, or about none.
    package struct Note: Hashable, Sendable {
        package var message: String
        package var span: SourceSpan?

        package init(message: String, span: SourceSpan? = nil) {
            self.message = message
            self.span = span
        }
    }

    /// A word that is nearly another one.
    ///
    /// It is there when what stands at ``Diagnostic/span`` is the word that is written, so that the one that is meant can be put in its place.
    package struct Slip: Hashable, Sendable {
        package let written: String
        package let meant: String

        package init(written: String, meant: String) {
            self.written = written
            self.meant = meant
        }

        /// Ready to be the help of a diagnostic.
        package var help: String { "did you mean '\(self.meant)'?" }
    }

    package var code: Code
    package var severity: Severity
    package var message: String
    /// Where it is; ``SourceSpan/wholeFile(_:)`` when no line is to blame.
    package var span: SourceSpan
    package var notes: [Note]
    /// Something the author can do.
    package var help: String?
    package var slip: Slip?

    /// With a slip, the help is to write the word that was meant.
    package init(
        code: Code,
        severity: Severity,
        message: String,
        span: SourceSpan,
        notes: [Note] = [],
        help: String? = nil,
        slip: Slip? = nil
    ) {
        self.code = code
        self.severity = severity
        self.message = message
        self.span = span
        self.notes = notes
        self.help = slip?.help ?? help
        self.slip = slip
    }
}

extension Sequence<Diagnostic> {
    package var hasErrors: Bool { self.contains { $0.severity == .error } }

    /// The order in which an author reads them: by file, then by place, then by number.
    package func inSourceOrder() -> [Diagnostic] {
        let all = Array(self)
        // Diagnostics are large, so their numbers are sorted.
        let order = all.indices.sorted { left, right in
            let (a, b) = (all[left].span, all[right].span)
            if !a.isInFile(of: b) { return a.path < b.path }
            if a.start.offset != b.start.offset { return a.start < b.start }
            let (first, second) = (all[left].code.number, all[right].code.number)
            return first != second ? first < second : left < right
        }
        return order.map { all[$0] }
    }
}
