// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// How much YAML one file may hold.
///
/// The defaults leave room for a runbook of a hundred thousand steps, and cost a small hostile file milliseconds.
package struct YAMLLimits: Hashable, Sendable {
    /// The longest file.
    package var bytes: Int
    /// Collections inside collections.
    ///
    /// libyaml slows down with the square of the depth, so this is what protects it, too.
    package var depth: Int
    /// Values in the tree once aliases are expanded; keys are not counted.
    ///
    /// A long file may hold more: one for every ``bytesPerNode`` bytes of it. Memory then grows with the file, and with nothing else.
    package var nodes: Int
    /// Diagnostics for one file; what comes after is not reported.
    package var diagnostics: Int

    package init(bytes: Int = 16 << 20, depth: Int = 64, nodes: Int = 200_000, diagnostics: Int = 100) {
        self.bytes = bytes
        self.depth = depth
        self.nodes = nodes
        self.diagnostics = diagnostics
    }

    /// Runbooks have twelve bytes for each value.
    package static let bytesPerNode = 8

    /// The most values of a file of this size.
    func nodes(inFileOf bytes: Int) -> Int { max(self.nodes, bytes / Self.bytesPerNode) }
}

/// What a kind of file may use of YAML.
package struct YAMLFeatures: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `<<: *defaults`, merged one level deep: keys of the mapping win, then earlier mappings of a list.
    package static let mergeKeys = Self(rawValue: 1)

    /// Runbooks read from top to bottom, so nothing may come in sideways.
    package static let runbook: Self = []
    package static let configuration: Self = [.mergeKeys]
}
