// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Why a command cannot be sent at all.
///
/// Thrown before anything leaves the engine. What a host refuses is not an error but a ``ReceiptAnswer``.
package struct ReceiptError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Hashable, Sendable {
        case malformedName
        case containsNUL
        case tooLarge
        case outOfRange
        case ownedByShell
    }

    package var code: Code
    /// What is wrong, with the value's place named, and what to do about it.
    package var message: String

    package var description: String {
        self.message
    }
}
