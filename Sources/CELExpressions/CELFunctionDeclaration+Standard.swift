// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELFunctionDeclaration {
    /// What every environment has, for editors to offer.
    package static var standard: [CELFunctionDeclaration] {
        CELStandardFunction.names.flatMap { CELStandardFunction.overloads(named: $0) }
    }
}
