// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Text that is safe on a terminal.
///
/// A runbook from a pull request could otherwise clear the screen of whoever checks it, or show its lines
/// in another order than they run. Line feeds are kept, and indented so that no second line can pass for
/// a diagnostic of its own.
func visible(_ text: String) -> String {
    guard text.utf8.contains(where: { $0 < 0x20 || $0 >= 0x7F }) else { return text }
    return text.map { $0 == "\n" || $0 == "\r\n" ? "\n  " : visible($0) }.joined()
}

/// One character of a source line, as it is shown: a tab takes four cells.
func visible(_ character: Character) -> String {
    if character == "\t" { return "    " }
    guard character.unicodeScalars.contains(where: isUnsafeOnTerminal) else { return String(character) }
    return String(String.UnicodeScalarView(character.unicodeScalars.map { isUnsafeOnTerminal($0) ? "\u{FFFD}" : $0 }))
}

private func isUnsafeOnTerminal(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00...0x1F, 0x7F...0x9F: true
    case 0x200E, 0x200F, 0x061C, 0x202A...0x202E, 0x2066...0x2069: true
    case 0x2028, 0x2029, 0xFEFF: true
    default: false
    }
}

/// How many cells a terminal gives to a text.
///
/// Terminals disagree about the newest emoji; this follows Unicode's East Asian Width, and takes a cluster
/// for as wide as its widest scalar.
func terminalWidth(of text: String) -> Int {
    text.reduce(0) { width, character in
        width + character.unicodeScalars.reduce(0) { max($0, terminalWidth(of: $1)) }
    }
}

private func terminalWidth(of scalar: Unicode.Scalar) -> Int {
    guard scalar.value >= 0x300 else { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: return isWide(scalar.value) ? 2 : 1
    }
}

private func isWide(_ value: UInt32) -> Bool {
    switch value {
    case 0x1100...0x115F, 0x231A...0x231B, 0x2329...0x232A, 0x23E9...0x23EC, 0x25FD...0x25FE: true
    case 0x2614...0x2615, 0x2648...0x2653, 0x26A1, 0x26CE, 0x26D4, 0x2705, 0x270A...0x270B, 0x274C, 0x2728: true
    case 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF: true
    case 0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6: true
    case 0x1F1E6...0x1F1FF, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x1FA70...0x1FAFF: true
    case 0x20000...0x3FFFD: true
    default: false
    }
}
