// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The codes there are, so that one that was never given can be told from one that is.
///
/// A tidy test holds them equal to the pages in `docs/diagnostics`, which hold them equal to what the source reports.
package enum DiagnosticRegistry {
    /// Codes of what is always an error.
    private static let errors: [ClosedRange<UInt16>] = [
        1...25, 27...32, 40...40, 100...113, 115...128, 131...132, 201...212, 220...236, 240...248, 250...257,
        261...262,
        270...270, 301...311, 405...405, 501...506, 508...511, 513...519, 521...529, 531...537, 540...546, 560...569,
        571...576,
        600...615, 617...617, 640...644,
        646...647, 650...650, 700...700,
    ]

    /// Codes of what is a warning, always or in some places.
    private static let warnings: [UInt16] = [
        26, 33, 130, 133, 260, 401, 402, 403, 404, 406, 410, 411, 412, 413, 414, 415, 417, 420, 421, 422, 423, 424, 425,
        426,
        427, 428, 429, 430, 431, 432, 433, 434, 436, 437, 440, 441, 442, 443, 444, 445, 446, 447, 448, 449, 458, 459,
        500, 507, 512, 520, 530, 570, 616, 618, 630, 645, 701, 702,
    ]

    private static let severities: [UInt16: Diagnostic.Severity] = {
        var severities: [UInt16: Diagnostic.Severity] = [:]
        for number in Self.errors.joined() {
            severities[number] = .error
        }
        for number in Self.warnings {
            severities[number] = .warning
        }
        return severities
    }()

    /// How bad it is at least what a code stands for; nothing for a number that is no code.
    package static func severity(of code: Diagnostic.Code) -> Diagnostic.Severity? {
        self.severities[code.number]
    }

    /// In the order of their numbers.
    package static func codes(_ severity: Diagnostic.Severity) -> [Diagnostic.Code] {
        self.severities.filter { $0.value == severity }.keys.sorted().map(Diagnostic.Code.init)
    }
}
