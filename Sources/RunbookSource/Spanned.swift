// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A value and where it was written.
package struct Spanned<Value: Sendable>: Sendable {
    package let value: Value
    package let span: SourceSpan

    @inlinable
    package init(_ value: Value, at span: SourceSpan) {
        self.value = value
        self.span = span
    }
}

extension Spanned: Equatable where Value: Equatable {}
extension Spanned: Hashable where Value: Hashable {}
