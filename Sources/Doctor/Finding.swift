// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// How a thing that was looked at is.
package enum Grade: String, Hashable, Sendable, Comparable, CaseIterable {
    case fine
    /// Worth knowing, and nothing to be done about.
    case note
    /// Nobody could find out.
    case unknown
    /// Something is to be done.
    case wrong

    package static func < (left: Grade, right: Grade) -> Bool {
        self.allCases.firstIndex(of: left) ?? 0 < self.allCases.firstIndex(of: right) ?? 0
    }
}

/// What was found out about one thing, in words, and what to do about it.
package struct Finding: Hashable, Sendable {
    /// A host, a library, a channel, or the store.
    package var subject: String
    package var grade: Grade
    package var says: String
    package var cure: String?

    package init(_ subject: String, _ grade: Grade, _ says: String, cure: String? = nil) {
        self.subject = subject
        self.grade = grade
        self.says = says
        self.cure = cure
    }

    /// Splits a message as our errors are written: what happened, then `; ` and what to do.
    package init(_ subject: String, _ grade: Grade, message: String) {
        guard let end = message.firstIndex(of: ";") else {
            self.init(subject, grade, message)
            return
        }
        let cure = message[message.index(after: end)...].drop { $0 == " " }
        self.init(subject, grade, String(message[..<end]), cure: cure.isEmpty ? nil : String(cure))
    }
}
