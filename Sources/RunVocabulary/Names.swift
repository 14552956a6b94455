// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A name that is a type of its own, so that two of them cannot be swapped by accident.
package protocol Name: Hashable, Comparable, Sendable, Codable, CustomStringConvertible, ExpressibleByStringLiteral {
    var text: String { get }
    init(_ text: String)
}

extension Name {
    package init(stringLiteral text: String) {
        self.init(text)
    }

    package var description: String {
        self.text
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.text < right.text
    }

    package init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.text)
    }
}

/// One run: a runbook, started once.
package struct RunID: Name {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }
}

/// A step as the runbook names it: `restart_kafka_brokers`.
package struct StepName: Name {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }
}

/// A step as it happens in a run: with the iteration of each loop around it and, from the second time on, the visit.
///
/// `start_members[2]/start_member` is the step `start_member` for the third element of `start_members`;
/// `look#2` is the second visit of `look`.
package struct StepKey: Name {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }
}

/// A node of the inventory.
package struct NodeName: Name {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }
}

/// A person of the configuration.
package struct PersonName: Name {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }
}

/// One sending of one command to one target.
///
/// It is made of the run, the step, the target and the attempt, so that replay gives the same one, and it names the receipt on
/// the target.
package struct EffectID: Name {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }
}

/// One question put to the world that changes nothing there: a probe, or a look at facts.
package struct RequestID: Hashable, Comparable, Sendable, Codable {
    package let number: Int

    package init(_ number: Int) {
        self.number = number
    }

    package static func < (left: RequestID, right: RequestID) -> Bool {
        left.number < right.number
    }

    package init(from decoder: any Decoder) throws {
        self.number = try decoder.singleValueContainer().decode(Int.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.number)
    }
}

/// The fencing number of an engine: each opening of the store gets a higher one.
package struct Term: Hashable, Comparable, Sendable {
    package let number: UInt64

    package init(_ number: UInt64) {
        self.number = number
    }

    package static func < (left: Term, right: Term) -> Bool {
        left.number < right.number
    }
}
