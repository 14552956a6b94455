// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource

/// A list or mapping whose end has not come yet.
///
/// A class, so that adding a value to the innermost one never copies the others.
final class YAMLFrame {
    enum Key {
        case text(YAMLScalar)
        case merge(YAMLScalar)
        /// The key has been reported; its value is read and dropped.
        case unusable
    }

    let isMapping: Bool
    let isFlow: Bool
    let anchor: String?
    let start: SourcePosition

    var nodes: [YAMLNode] = []
    var pairs: [YAMLPair] = []
    var merges: [YAMLPair] = []
    /// The key whose value comes next.
    var key: Key?
    /// Values inside, this collection included.
    var weight = 1
    /// The end of the last thing inside.
    var lastEnd: SourcePosition
    /// Where each key stands; filled once there are too many to look through.
    private var places: [String: SourceSpan] = [:]

    private static let smallMapping = 12

    init(isMapping: Bool, isFlow: Bool, anchor: String?, start: SourcePosition) {
        self.isMapping = isMapping
        self.isFlow = isFlow
        self.anchor = anchor
        self.start = start
        self.lastEnd = start
    }

    /// Where a key of the same text stands already; if nowhere, the key is expected to be added.
    func firstUse(of key: YAMLScalar) -> SourceSpan? {
        guard self.pairs.count >= Self.smallMapping else {
            return self.pairs.first { $0.key.text == key.text }?.key.span
        }
        if self.places.isEmpty {
            for pair in self.pairs {
                self.places[pair.key.text] = pair.key.span
            }
        }
        if let place = self.places[key.text] { return place }
        self.places[key.text] = key.span
        return nil
    }

    /// What a message about an unfinished file can say about this collection.
    var asContext: YAMLTroubles.Context {
        .init(start: self.start, isMapping: self.isMapping, isFlow: self.isFlow)
    }
}
