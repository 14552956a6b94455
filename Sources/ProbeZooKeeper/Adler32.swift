// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The checksum ZooKeeper keeps with its log records and snapshots.
struct Adler32 {
    private static let modulus: UInt32 = 65_521
    /// So many bytes can be added before the second sum may overflow.
    private static let run = 5_552

    private var low: UInt32 = 1
    private var high: UInt32 = 0

    mutating func add(_ bytes: ArraySlice<UInt8>) {
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let end = min(start + Self.run, bytes.endIndex)
            for index in start..<end {
                self.low &+= UInt32(bytes[index])
                self.high &+= self.low
            }
            self.low %= Self.modulus
            self.high %= Self.modulus
            start = end
        }
    }

    var value: UInt32 { self.high << 16 | self.low }

    static func of(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        var sum = Self()
        sum.add(bytes)
        return sum.value
    }
}
