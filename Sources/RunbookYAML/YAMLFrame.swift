// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookSource

/// A list or mapping whose end has not come yet.
///
/// What is inside lies in the builder's own lists, where all open collections share the room, and is moved to a list of its own at the end.
struct YAMLFrame {
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
    /// Where its own begin in the builder's list of nodes, or of pairs.
    let first: Int

    var merges: [YAMLPair] = []
    /// The key whose value comes next.
    var key: Key?
    /// Values inside, this collection included.
    var weight = 1
    /// The end of the last thing inside.
    var lastEnd: SourcePosition
    /// Where each key stands; filled once there are too many to look through.
    var places: [String: SourceSpan] = [:]

    /// Up to so many keys are looked through faster than they are looked up.
    static let smallMapping = 12

    init(isMapping: Bool, isFlow: Bool, anchor: String?, start: SourcePosition, first: Int) {
        self.isMapping = isMapping
        self.isFlow = isFlow
        self.anchor = anchor
        self.start = start
        self.first = first
        self.lastEnd = start
    }

    /// What a message about an unfinished file can say about this collection.
    var asContext: YAMLTroubles.Context {
        .init(start: self.start, isMapping: self.isMapping, isFlow: self.isFlow)
    }
}
