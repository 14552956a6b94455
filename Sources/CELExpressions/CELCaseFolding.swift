// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Which characters are one but for their case, in Unicode's simple folding.
enum CELCaseFolding {
    /// Families that going to upper and lower case does not walk through.
    private static let families: [[Unicode.Scalar]] = [
        ["K", "k", "\u{212a}"], ["S", "s", "\u{17f}"], ["\u{b5}", "\u{39c}", "\u{3bc}"],
        ["\u{c5}", "\u{e5}", "\u{212b}"], ["\u{df}", "\u{1e9e}"], ["\u{1c4}", "\u{1c5}", "\u{1c6}"],
        ["\u{1c7}", "\u{1c8}", "\u{1c9}"], ["\u{1ca}", "\u{1cb}", "\u{1cc}"], ["\u{1f1}", "\u{1f2}", "\u{1f3}"],
        ["\u{345}", "\u{399}", "\u{3b9}", "\u{1fbe}"], ["\u{392}", "\u{3b2}", "\u{3d0}"],
        ["\u{395}", "\u{3b5}", "\u{3f5}"], ["\u{398}", "\u{3b8}", "\u{3d1}", "\u{3f4}"],
        ["\u{39a}", "\u{3ba}", "\u{3f0}"], ["\u{3a0}", "\u{3c0}", "\u{3d6}"], ["\u{3a1}", "\u{3c1}", "\u{3f1}"],
        ["\u{3a3}", "\u{3c2}", "\u{3c3}"], ["\u{3a6}", "\u{3c6}", "\u{3d5}"], ["\u{3a9}", "\u{3c9}", "\u{2126}"],
        ["\u{412}", "\u{432}", "\u{1c80}"], ["\u{414}", "\u{434}", "\u{1c81}"], ["\u{41e}", "\u{43e}", "\u{1c82}"],
        ["\u{421}", "\u{441}", "\u{1c83}"], ["\u{422}", "\u{442}", "\u{1c84}", "\u{1c85}"],
        ["\u{42a}", "\u{44a}", "\u{1c86}"], ["\u{462}", "\u{463}", "\u{1c87}"],
        ["\u{1c88}", "\u{a64a}", "\u{a64b}"], ["\u{1e60}", "\u{1e61}", "\u{1e9b}"], ["\u{1fb3}", "\u{1fbc}"],
        ["\u{1fc3}", "\u{1fcc}"], ["\u{1ff3}", "\u{1ffc}"],
    ]

    private static let relatives: [Unicode.Scalar: [Unicode.Scalar]] = Dictionary(
        uniqueKeysWithValues: families.flatMap { family in
            family.map { scalar in (scalar, family.filter { $0 != scalar }) }
        }
    )

    /// The others that are the same when case does not matter.
    static func variants(of scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        if let others = self.relatives[scalar] {
            return others
        }
        // Greek with iota below: the capitals are eight further, and have no upper case of one character.
        if (0x1f80...0x1faf).contains(scalar.value) {
            return Unicode.Scalar(scalar.value ^ 8).map { [$0] } ?? []
        }
        if scalar.isASCII {
            let isLetter = UInt8(ascii: scalar).isIdentifierStart && scalar != "_"
            return isLetter ? [Unicode.Scalar(UInt8(ascii: scalar) ^ 0x20)] : []
        }
        var result: [Unicode.Scalar] = []
        for mapping in [scalar.properties.lowercaseMapping, scalar.properties.uppercaseMapping] {
            let scalars = mapping.unicodeScalars
            if scalars.count == 1, let first = scalars.first, first != scalar, !result.contains(first) {
                result.append(first)
            }
        }
        return result
    }
}
