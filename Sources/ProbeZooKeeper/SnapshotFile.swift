// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One of ZooKeeper's snapshots, as far as it was looked at.
package struct SnapshotFile: Hashable, Sendable {
    /// How much of the file was checked, and what came out.
    package enum Check: Hashable, Sendable {
        /// The checksum over the whole file is right.
        case checksum
        /// Only the header and the end were looked at, as a server does before it reads the file.
        case ends
        /// A compressed snapshot, of which nothing was looked at.
        case nameOnly
        case broken(String)
    }

    private static let magic: [UInt8] = Array("ZKSN".utf8) + [0, 0, 0, 2]
    /// A text of one byte, which is a slash, seals every snapshot.
    private static let seal: [UInt8] = [0, 0, 0, 1, UInt8(ascii: "/")]
    /// The checksum before the seal.
    private static let checksumLength = 8
    /// Magic, version and database number.
    private static let headerLength = 16

    package var name: String
    package var zxid: Zxid
    package var size: Int
    package var check: Check

    package var isBroken: Bool {
        if case .broken = self.check { true } else { false }
    }

    /// Checks a whole file, or its two ends when `tail` is given apart.
    static func check(head: [UInt8], tail: [UInt8]?) -> Check {
        guard head.count >= self.headerLength, head.starts(with: self.magic) else {
            return .broken("the header does not say ZKSN, version 2")
        }
        let end = tail ?? head
        guard end.count >= self.checksumLength + self.seal.count, end.suffix(self.seal.count).elementsEqual(self.seal)
        else { return .broken("the end is missing") }
        guard tail == nil else { return .ends }
        // Servers since 3.6 seal twice; the last checksum covers everything before it either way.
        let body = head.dropLast(self.checksumLength + self.seal.count)
        let stored = head[body.endIndex..<(body.endIndex + self.checksumLength)].reduce(UInt64(0)) {
            $0 << 8 | UInt64($1)
        }
        return stored == UInt64(Adler32.of(body)) ? .checksum : .broken("the checksum is wrong")
    }
}
