// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import CELExpressions

/// A checked expression of a runbook, with its place.
///
/// In canonical JSON it is its text; reading it back parses the text again, because the text is the meaning.
package struct Expression: Hashable, Sendable {
    package let cel: CELExpression
    package let place: Place
    /// The selections whose facts it reads, in the order of their names: those must be fresh before it is evaluated.
    package let reads: [String]

    package init(_ cel: CELExpression, place: Place, reads: [String] = []) {
        self.cel = cel
        self.place = place
        self.reads = reads
    }

    package var text: String {
        self.cel.text
    }
}

extension Expression: Codable {
    private enum CodingKeys: String, CodingKey {
        case text = "cel"
        case place
        case reads
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let text = try container.decode(String.self, forKey: .text)
        guard let cel = CELExpression.parse(text).0 else {
            throw DecodingError.dataCorruptedError(
                forKey: .text,
                in: container,
                debugDescription: "the expression '\(text)' cannot be parsed by this version"
            )
        }
        self.cel = cel
        self.place = try container.decode(Place.self, forKey: .place)
        self.reads = try container.decodeIfPresent([String].self, forKey: .reads) ?? []
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.text, forKey: .text)
        try container.encode(self.place, forKey: .place)
        if !self.reads.isEmpty {
            try container.encode(self.reads, forKey: .reads)
        }
    }
}

/// Text with `${{ expression }}` in it.
package struct Template: Hashable, Sendable {
    package let cel: CELTemplate
    package let place: Place

    package init(_ cel: CELTemplate, place: Place) {
        self.cel = cel
        self.place = place
    }

    package var text: String {
        self.cel.text
    }
}

extension Template: Codable {
    private enum CodingKeys: String, CodingKey {
        case text
        case place
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let text = try container.decode(String.self, forKey: .text)
        guard let template = CELTemplate.parse(text).0 else {
            throw DecodingError.dataCorruptedError(
                forKey: .text,
                in: container,
                debugDescription: "the text '\(text)' cannot be parsed by this version"
            )
        }
        self.cel = template
        self.place = try container.decode(Place.self, forKey: .place)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.text, forKey: .text)
        try container.encode(self.place, forKey: .place)
    }
}
