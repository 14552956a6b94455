// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension Int {
    /// `1 error`, `2 errors`, `no errors`.
    package func counted(_ noun: String) -> String {
        switch self {
        case 0: "no \(noun)s"
        case 1: "1 \(noun)"
        default: "\(self) \(noun)s"
        }
    }
}
