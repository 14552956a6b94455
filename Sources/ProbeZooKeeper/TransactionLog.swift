// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What a look into one of ZooKeeper's transaction logs showed.
///
/// A log is a 16-byte header and then records: checksum, length, entry, the letter `B`. It is filled with zeros far ahead,
/// so its size says nothing. Judged the way a starting server would: a last record that is cut short is quietly dropped,
/// while one with a wrong checksum keeps the server from starting.
package struct TransactionLog: Hashable, Sendable {
    package enum End: Hashable, Sendable {
        /// After the last record there are zeros, or nothing.
        case clean
        /// The last record is cut short, and a server goes on from the one before.
        case torn(at: Int)
        /// A server will not start from this.
        case corrupt(at: Int, reason: String)
        /// Nothing in these bytes could be taken for a record, so they say nothing.
        case noRecordFound
    }

    package static let headerLength = 16
    private static let magic: [UInt8] = Array("ZKLG".utf8)
    /// Checksum and length.
    private static let prefixLength = 12
    /// Session, request number, zxid, time and type.
    private static let entryHeaderLength = 32
    private static let endMark = UInt8(ascii: "B")
    /// A server takes no longer record unless its `jute.maxbuffer` was raised.
    private static let usualEntryLimit = 2 * 0xF_FFFF
    /// Bytes that may be summed while looking for a place to start in the middle of a log.
    private static let searchBudget = 64 << 20

    package var recordCount = 0
    package var firstZxid: Zxid?
    /// Of the last whole record with the right checksum.
    package var lastZxid: Zxid?
    package var end = End.clean

    /// Reads a log from its first byte; bytes that are missing at the end must have been zeros.
    package init(whole bytes: [UInt8]) {
        guard bytes.count >= Self.headerLength else {
            self.end = .corrupt(at: 0, reason: "the header is cut short")
            return
        }
        guard bytes.starts(with: Self.magic) else {
            self.end = .corrupt(at: 0, reason: "the header does not say ZKLG")
            return
        }
        self.readRecords(of: bytes, from: Self.headerLength)
    }

    /// Reads the last part of a log, which may begin in the middle of a record.
    ///
    /// What comes before the first whole record is skipped, so damage there is not seen.
    package init(lastPart bytes: [UInt8]) {
        guard let start = Self.firstRecord(in: bytes, from: 0) else {
            self.end = .noRecordFound
            return
        }
        self.readRecords(of: bytes, from: start)
    }

    private mutating func readRecords(of bytes: [UInt8], from start: Int) {
        var position = start
        while true {
            switch Self.record(in: bytes, at: position) {
            case .whole(let zxid, let next):
                self.recordCount += 1
                self.firstZxid = self.firstZxid ?? zxid
                self.lastZxid = zxid
                position = next
            case .none:
                self.end = .clean
                return
            case .cutShort:
                // A server stops reading here and drops what follows; if that is more than a torn end, data is lost.
                let later = Self.firstRecord(in: bytes, from: position + 1)
                self.end =
                    later == nil
                    ? .torn(at: position) : .corrupt(at: position, reason: "a broken record with whole ones after it")
                return
            case .bad(let reason):
                self.end = .corrupt(at: position, reason: reason)
                return
            }
        }
    }

    // MARK: One record

    private enum Record {
        case whole(Zxid, next: Int)
        case none
        case cutShort
        case bad(String)
    }

    private static func record(in bytes: [UInt8], at start: Int) -> Record {
        guard start + self.prefixLength <= bytes.count else {
            return bytes[start...].allSatisfy { $0 == 0 } ? .none : .cutShort
        }
        var reader = JuteReader(bytes[start..<(start + self.prefixLength)])
        guard let checksum = try? reader.readInt64(), let announced = try? reader.readInt32() else { return .cutShort }
        let length = Int(announced)
        if length == 0 { return checksum == 0 ? .none : .cutShort }
        guard length > 0 else { return .bad("a record of \(length) bytes") }
        let entry = start + self.prefixLength
        let mark = entry + length
        guard mark < bytes.count, bytes[mark] == self.endMark else {
            return length > self.usualEntryLimit ? .bad("a record of \(length) bytes") : .cutShort
        }
        guard checksum == Int64(Adler32.of(bytes[entry..<mark])) else { return .bad("a record with a wrong checksum") }
        guard length >= self.entryHeaderLength else { return .bad("a record of \(length) bytes") }
        var header = JuteReader(bytes[(entry + 12)..<(entry + 20)])
        guard let zxid = try? header.readInt64() else { return .cutShort }
        return .whole(Zxid(zxid), next: mark + 1)
    }

    // MARK: Finding a record

    /// The first place from which a whole record with the right checksum can be read.
    ///
    /// A checksum has 32 bits in a field of 64, the length must lead to a `B`, and then the sum must be right: nothing but a
    /// record fits by chance. A client could write one into a znode; then a sound log may be called damaged, which stops us,
    /// but never the other way round.
    private static func firstRecord(in bytes: [UInt8], from start: Int) -> Int? {
        var budget = self.searchBudget
        var position = start
        while position + self.prefixLength + self.entryHeaderLength < bytes.count {
            defer { position += 1 }
            guard bytes[position] == 0, bytes[position + 1] == 0, bytes[position + 2] == 0, bytes[position + 3] == 0
            else { continue }
            let length = bytes[(position + 8)..<(position + 12)].reduce(0) { $0 << 8 | Int($1) }
            guard length >= self.entryHeaderLength, position + self.prefixLength + length < bytes.count,
                bytes[position + self.prefixLength + length] == self.endMark
            else { continue }
            budget -= length
            guard budget > 0 else { return nil }
            if case .whole = self.record(in: bytes, at: position) { return position }
        }
        return nil
    }
}
