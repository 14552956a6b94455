// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Something that may be used but never shown.
///
/// However it is printed, interpolated, dumped or mirrored, only `<secret>` appears. It has no `Codable`, so that it
/// cannot reach a journal or a reply by being a field of something that does. ``reveal()`` is the one way out, which
/// makes every use easy to find in a review.
package struct Secret<Value: Sendable>: Sendable {
    private let value: Value

    package init(_ value: Value) {
        self.value = value
    }

    /// Hands out the value, for the call that needs it and for nothing that is kept or shown.
    package func reveal() -> Value {
        self.value
    }
}

extension Secret: Equatable where Value: Equatable {}

extension Secret: Hashable where Value: Hashable {}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<secret>" }

    package var debugDescription: String { "<secret>" }

    package var customMirror: Mirror {
        Mirror(self, children: [])
    }
}
