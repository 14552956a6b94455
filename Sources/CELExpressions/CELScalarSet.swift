// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A class of characters in a pattern, such as `[a-z\d]`, `\pL` or `[^\n]`.
struct CELScalarSet: Sendable {
    /// One thing between the brackets.
    enum Item: Sendable {
        case range(ClosedRange<UInt32>)
        case category(Category, isNegated: Bool)
        /// `\D` and the like, inside of brackets.
        case outside([ClosedRange<UInt32>])
    }

    /// A general category of Unicode, by its one or two letters, or a script.
    enum Category: Sendable {
        case any
        case script([ClosedRange<UInt32>])
        case group(Character)
        case exactly(Unicode.GeneralCategory)
    }

    var items: [Item]
    var isNegated = false
    /// Whether upper and lower case are one.
    var foldsCase = false

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        let variants = self.foldsCase ? CELCaseFolding.variants(of: scalar) : []
        let isThere = self.items.contains { item in
            // What is folded is the class that is named: outside of it is what has no variant in it either.
            (item.names(scalar) || variants.contains { item.names($0) }) != item.isNegated
        }
        return isThere != self.isNegated
    }
}

extension CELScalarSet.Item {
    fileprivate func names(_ scalar: Unicode.Scalar) -> Bool {
        switch self {
        case .range(let range): range.contains(scalar.value)
        case .outside(let ranges): ranges.contains { $0.contains(scalar.value) }
        case .category(let category, _): category.contains(scalar)
        }
    }

    fileprivate var isNegated: Bool {
        switch self {
        case .range: false
        case .outside: true
        case .category(_, let isNegated): isNegated
        }
    }
}

extension CELScalarSet.Category {
    /// `nil` for what is no general category.
    init?(named name: String) {
        if name == "Any" {
            self = .any
            return
        }
        if let ranges = CELScripts.ranges[name] {
            self = .script(ranges)
            return
        }
        if let category = Self.exact[name] {
            self = .exactly(category)
            return
        }
        guard name.count == 1, let letter = name.first, "LMNPSZC".contains(letter) else {
            return nil
        }
        self = .group(letter)
    }

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        let actual = scalar.properties.generalCategory
        return switch self {
        case .any: true
        case .script(let ranges): ranges.contains { $0.contains(scalar.value) }
        case .exactly(let category): actual == category
        case .group(let letter): Self.letter(of: actual) == letter
        }
    }

    private static let exact: [String: Unicode.GeneralCategory] = [
        "Lu": .uppercaseLetter, "Ll": .lowercaseLetter, "Lt": .titlecaseLetter, "Lm": .modifierLetter,
        "Lo": .otherLetter, "Mn": .nonspacingMark, "Mc": .spacingMark, "Me": .enclosingMark, "Nd": .decimalNumber,
        "Nl": .letterNumber, "No": .otherNumber, "Pc": .connectorPunctuation, "Pd": .dashPunctuation,
        "Ps": .openPunctuation, "Pe": .closePunctuation, "Pi": .initialPunctuation, "Pf": .finalPunctuation,
        "Po": .otherPunctuation, "Sm": .mathSymbol, "Sc": .currencySymbol, "Sk": .modifierSymbol, "So": .otherSymbol,
        "Zs": .spaceSeparator, "Zl": .lineSeparator, "Zp": .paragraphSeparator, "Cc": .control, "Cf": .format,
        "Cs": .surrogate, "Co": .privateUse,
    ]

    private static func letter(of category: Unicode.GeneralCategory) -> Character? {
        switch category {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: "L"
        case .nonspacingMark, .spacingMark, .enclosingMark: "M"
        case .decimalNumber, .letterNumber, .otherNumber: "N"
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            "P"
        case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: "S"
        case .spaceSeparator, .lineSeparator, .paragraphSeparator: "Z"
        case .control, .format, .surrogate, .privateUse: "C"
        case .unassigned: nil
        @unknown default: nil
        }
    }
}
