// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// The path of a file that positions point into, as a number.
///
/// Equal paths have equal numbers within one process, and numbers mean nothing outside of it. A path is remembered as long as the process
/// lives: a process reads few files, and an editor opens few.
package struct SourcePath: Hashable, Sendable {
    private let number: UInt32

    private struct Known {
        var texts: [String] = []
        var numbers: [String: UInt32] = [:]
    }

    private static let known = Mutex(Known())

    package init(_ text: String) {
        self.number = Self.known.withLock { known in
            if let number = known.numbers[text] {
                return number
            }
            let number = UInt32(known.texts.count)
            known.texts.append(text)
            known.numbers[text] = number
            return number
        }
    }

    package var text: String {
        Self.known.withLock { $0.texts[Int(self.number)] }
    }
}
