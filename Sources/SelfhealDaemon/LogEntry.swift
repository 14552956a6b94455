// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// One thing that the daemon did, saw or decided.
package struct LogEntry: Hashable, Sendable {
    package enum Level: String, Hashable, Sendable {
        case info
        case warning
        case error
    }

    package var at: Instant
    package var level: Level
    /// What kind of thing it is, as a word to look for, such as `health` or `run_began`.
    package var event: String
    package var message: String
    /// What it is about: `node`, `runbook`, `run`.
    package var subject: [JSONMember]

    package init(at: Instant, level: Level, event: String, message: String, about subject: [JSONMember] = []) {
        self.at = at
        self.level = level
        self.event = event
        self.message = message
        self.subject = subject
    }

    /// One line of JSON, without its end; `at` counts milliseconds since 1970.
    package var json: String {
        let head = [
            JSONMember("at", .int(self.at.milliseconds)), JSONMember("level", .string(self.level.rawValue)),
            JSONMember("event", .string(self.event)),
        ]
        return JSON.object(head + self.subject + [JSONMember("message", .string(self.message))]).text
    }
}
