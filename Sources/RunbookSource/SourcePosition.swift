// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A place in a file, as an editor and as a program would say it.
///
/// Lines and columns start at 1. A column counts Unicode scalars, as most compilers and libyaml do; an
/// editor that counts UTF-16 asks ``SourceFile/utf16Column(of:)``. The offset counts UTF-8 bytes from the
/// start of the file, a byte order mark included.
package struct SourcePosition: Hashable, Sendable, Codable {
    // Runbooks are a few megabytes at most, and every node of the syntax tree has four of these.
    private var storedLine: UInt32
    private var storedColumn: UInt32
    private var storedOffset: UInt32

    package init(line: Int, column: Int, offset: Int) {
        self.storedLine = UInt32(clamping: line)
        self.storedColumn = UInt32(clamping: column)
        self.storedOffset = UInt32(clamping: offset)
    }

    package var line: Int { Int(self.storedLine) }
    package var column: Int { Int(self.storedColumn) }
    package var offset: Int { Int(self.storedOffset) }

    private enum CodingKeys: String, CodingKey {
        case storedLine = "line"
        case storedColumn = "column"
        case storedOffset = "offset"
    }
}

extension SourcePosition: Comparable {
    package static func < (left: Self, right: Self) -> Bool {
        left.storedOffset < right.storedOffset
    }
}

extension SourcePosition: CustomStringConvertible {
    package var description: String { "\(self.line):\(self.column)" }
}
