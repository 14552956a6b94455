// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The output of ``DiskStateScript``, line by line, before anything is concluded from it.
struct DiskListing: Hashable, Sendable {
    enum DirectoryState: String, Hashable {
        case ok
        case absent
        case unreadable
        case notADirectory = "not-a-directory"
    }

    enum Kind: String, Hashable {
        case snapshot
        case log
    }

    struct File: Hashable {
        var name: String
        var zxid: Zxid
        var size: Int
        /// What was sent of it, in order.
        var parts: [Part] = []
    }

    struct Part: Hashable {
        var offset: Int
        var bytes: [UInt8]
    }

    var directories: [String: DirectoryState] = [:]
    var myID: String?
    var currentEpoch: String?
    var acceptedEpoch: String?
    var hasUnfinishedEpoch = false
    /// Where a marker lies that lets an empty member vote: `data`, `log`.
    var initializeMarkers: [String] = []
    /// Newest first; at most a hundred of each.
    var snapshots: [File] = []
    var logs: [File] = []
    var snapshotCount = 0
    var logCount = 0
    var problems: [String] = []

    init(parsing output: [UInt8]) throws(UnreadableAnswer) {
        guard output.count <= DiskStateScript.outputLimit else {
            throw UnreadableAnswer("the disk script printed more than it can")
        }
        var lines = output.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
        if lines.last?.isEmpty == true { lines.removeLast() }
        guard lines.popFirst()?.elementsEqual(DiskStateScript.banner.utf8) == true else {
            throw UnreadableAnswer("the disk script did not start; is there a POSIX sh on the host?")
        }
        guard lines.popLast()?.elementsEqual("done".utf8) == true else {
            throw UnreadableAnswer("the output of the disk script is cut short")
        }
        while let line = lines.popFirst() {
            let words = String(decoding: line, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
                .map(String.init)
            if words[0] == "bytes" {
                try self.readPart(words, from: &lines)
            } else if words[0] == "problem" {
                self.problems.append(words.dropFirst().joined(separator: " "))
            } else if !self.readFact(words) {
                throw UnreadableAnswer("the disk script printed a line that is not its own: \(words[0].prefix(40))")
            }
        }
    }

    /// Returns whether the line is one of the script's.
    private mutating func readFact(_ words: [String]) -> Bool {
        switch (words[0], words.count) {
        case ("directory", 3):
            guard let state = DirectoryState(rawValue: words[2]) else { return false }
            self.directories[words[1]] = state
        case ("myid", 2): self.myID = words[1]
        case ("currentEpoch", 2): self.currentEpoch = words[1]
        case ("acceptedEpoch", 2): self.acceptedEpoch = words[1]
        case ("unfinished", 2): self.hasUnfinishedEpoch = true
        case ("initialize", 2): self.initializeMarkers.append(words[1])
        case ("snapshot", 3), ("log", 3):
            guard let kind = Kind(rawValue: words[0]), let zxid = Self.zxid(of: words[1], kind),
                let size = Self.size(words[2])
            else { return false }
            let file = File(name: words[1], zxid: zxid, size: size)
            if kind == .log { self.logs.append(file) } else { self.snapshots.append(file) }
        case ("count", 3):
            guard let kind = Kind(rawValue: words[1]), let count = Int(words[2]) else { return false }
            if kind == .log { self.logCount = count } else { self.snapshotCount = count }
        default: return false
        }
        return true
    }

    /// `bytes KIND NAME OFFSET LENGTH`, base64 up to `end`.
    private mutating func readPart(
        _ words: [String],
        from lines: inout ArraySlice<ArraySlice<UInt8>>
    ) throws(UnreadableAnswer) {
        guard words.count == 5, let kind = Kind(rawValue: words[1]), let offset = Self.size(words[3]),
            let length = Self.size(words[4])
        else { throw UnreadableAnswer("the disk script printed a line that is not its own: bytes") }
        var decoder = Base64Decoder()
        while let line = lines.popFirst(), !line.elementsEqual("end".utf8) {
            if line.starts(with: "problem ".utf8) {
                self.problems.append(String(decoding: line.dropFirst("problem ".utf8.count), as: UTF8.self))
            } else if !decoder.add(line) {
                throw UnreadableAnswer("the disk script sent bytes of \(words[2]) that are not base64")
            }
        }
        guard decoder.bytes.count == length else {
            // The file shrank meanwhile, or could not be read after all.
            self.problems.append("\(words[2]) gave \(decoder.bytes.count) bytes instead of \(length)")
            return
        }
        let part = Part(offset: offset, bytes: decoder.bytes)
        if kind == .log, let index = self.logs.firstIndex(where: { $0.name == words[2] }) {
            self.logs[index].parts.append(part)
        } else if kind == .snapshot, let index = self.snapshots.firstIndex(where: { $0.name == words[2] }) {
            self.snapshots[index].parts.append(part)
        } else {
            throw UnreadableAnswer("the disk script sent bytes of \(words[2]), which it did not list")
        }
    }

    /// A number of bytes, small enough that two of them can be added.
    private static func size(_ text: String) -> Int? {
        Int(text).flatMap { (0...1 << 53).contains($0) ? $0 : nil }
    }

    private static func zxid(of name: String, _ kind: Kind) -> Zxid? {
        guard name.hasPrefix("\(kind.rawValue).") else { return nil }
        let digits = name.dropFirst(kind.rawValue.count + 1).prefix { $0 != "." }
        return Zxid(hexadecimal: digits)
    }
}

/// Turns base64 back into bytes, a line at a time.
struct Base64Decoder {
    private(set) var bytes: [UInt8] = []
    private var bits: UInt32 = 0
    private var bitCount = 0
    private var isPadded = false

    /// Returns false for anything outside the alphabet, and for more after the padding.
    mutating func add(_ line: ArraySlice<UInt8>) -> Bool {
        for byte in line {
            if byte == UInt8(ascii: "=") {
                self.isPadded = true
                continue
            }
            guard !self.isPadded, let value = Self.value(of: byte) else { return false }
            self.bits = self.bits << 6 | value
            self.bitCount += 6
            if self.bitCount >= 8 {
                self.bitCount -= 8
                self.bytes.append(UInt8(truncatingIfNeeded: self.bits >> self.bitCount))
            }
        }
        return true
    }

    private static func value(of byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
