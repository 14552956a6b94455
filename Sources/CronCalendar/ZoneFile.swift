// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Reads a file of the system's database of time zones: the format of RFC 9636, in its versions 2 and later.
extension ZoneRules {
    package struct Unreadable: Error, Hashable, Sendable {
        package let reason: String
    }

    /// No file of the database comes near it.
    package static let fileLimit = 256 * 1_024
    /// Counts in the header: of UTC marks, standard marks, leap seconds, transitions, kinds of local time, and letters.
    private static let counts = 6

    package init(name: String, file bytes: [UInt8]) throws(Unreadable) {
        guard bytes.count <= Self.fileLimit else {
            throw Unreadable(reason: "it is longer than \(Self.fileLimit) bytes")
        }
        var reader = Reader(bytes: bytes)
        // The part for programs of thirty years ago comes first.
        let old = try reader.header()
        guard old.version >= UInt8(ascii: "2") else {
            throw Unreadable(reason: "it is of a version before 2")
        }
        try reader.skip(old.length(ofTimes: 4))
        let header = try reader.header()
        var moments: [Int64] = []
        for _ in 0..<header.transitions {
            moments.append(Int64(bitPattern: try reader.number(bytes: 8)))
        }
        let kinds = try reader.take(header.transitions).map { Int($0) }
        var offsets: [Int64] = []
        for _ in 0..<header.kinds {
            offsets.append(Int64(Int32(bitPattern: UInt32(try reader.number(bytes: 4)))))
            try reader.skip(2)
        }
        try reader.skip(header.letters + header.leapSeconds * 12 + header.standardMarks + header.universalMarks)
        guard let first = offsets.first, kinds.allSatisfy({ $0 < offsets.count }), moments == moments.sorted(),
            offsets.allSatisfy({ abs($0) <= 26 * 3_600 })
        else {
            throw Unreadable(reason: "its transitions contradict one another")
        }
        let footer = reader.rest.dropFirst().prefix { $0 != UInt8(ascii: "\n") }
        let tail = YearlyRule(footer)
        guard tail != nil || footer.isEmpty else {
            throw Unreadable(reason: "its rule for later years cannot be read")
        }
        self.init(
            name: name,
            first: first,
            transitions: zip(moments, kinds).map { Transition(at: $0, offset: offsets[$1]) },
            tail: tail
        )
    }

    private struct Header {
        let version: UInt8
        let universalMarks: Int
        let standardMarks: Int
        let leapSeconds: Int
        let transitions: Int
        let kinds: Int
        let letters: Int

        func length(ofTimes size: Int) -> Int {
            self.transitions * (size + 1) + self.kinds * 6 + self.letters + self.leapSeconds * (size + 4)
                + self.standardMarks + self.universalMarks
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        private var place = 0

        init(bytes: [UInt8]) {
            self.bytes = bytes
        }

        var rest: ArraySlice<UInt8> {
            self.bytes[self.place...]
        }

        mutating func take(_ count: Int) throws(Unreadable) -> ArraySlice<UInt8> {
            guard count <= self.bytes.count - self.place else {
                throw Unreadable(reason: "it ends too early")
            }
            defer { self.place += count }
            return self.bytes[self.place..<self.place + count]
        }

        mutating func skip(_ count: Int) throws(Unreadable) {
            _ = try self.take(count)
        }

        mutating func number(bytes count: Int) throws(Unreadable) -> UInt64 {
            try self.take(count).reduce(0) { $0 << 8 | UInt64($1) }
        }

        mutating func header() throws(Unreadable) -> Header {
            guard try self.take(4).elementsEqual("TZif".utf8) else {
                throw Unreadable(reason: "it is no file of a time zone")
            }
            let version = try self.take(16).first ?? 0
            var counts: [Int] = []
            for _ in 0..<ZoneRules.counts {
                let count = try self.number(bytes: 4)
                guard count <= UInt64(ZoneRules.fileLimit) else {
                    throw Unreadable(reason: "it ends too early")
                }
                counts.append(Int(count))
            }
            return Header(
                version: version,
                universalMarks: counts[0],
                standardMarks: counts[1],
                leapSeconds: counts[2],
                transitions: counts[3],
                kinds: counts[4],
                letters: counts[5]
            )
        }
    }
}
