// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The SHA-256 of some bytes: what a run pins its plan by, and what an approval binds to.
///
/// It says that two contents are the same, not who wrote them; signatures are another matter.
package struct ContentDigest: Hashable, Sendable {
    // Four words instead of an array, so that a digest can be copied and compared without memory of its own.
    private var words: (UInt64, UInt64, UInt64, UInt64)

    package static func == (left: Self, right: Self) -> Bool { left.words == right.words }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.words.0)
        hasher.combine(self.words.1)
        hasher.combine(self.words.2)
        hasher.combine(self.words.3)
    }

    package init(of bytes: some Sequence<UInt8>) {
        var hasher = ContentHasher()
        hasher.update(bytes)
        self = hasher.finish()
    }

    /// The digest of a value's canonical form, so that neither order nor spelling matters.
    package init(ofCanonical value: JSON) {
        self.init(of: value.canonicalBytes)
    }

    fileprivate init(words: (UInt64, UInt64, UInt64, UInt64)) {
        self.words = words
    }

    /// The 32 bytes.
    package var bytes: [UInt8] {
        [self.words.0, self.words.1, self.words.2, self.words.3].flatMap { word in
            (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) }
        }
    }

    /// 64 lowercase hexadecimal digits.
    package var hexadecimal: String {
        [self.words.0, self.words.1, self.words.2, self.words.3].map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        .joined()
    }

    /// The first 12 digits, for people: long enough to tell the plans of a team apart, never to be trusted.
    package var short: String { String(self.hexadecimal.prefix(12)) }
}

// MARK: Text

extension ContentDigest: LosslessStringConvertible {
    private static let prefix = "sha256:"

    /// `sha256:` and 64 hexadecimal digits.
    package var description: String { Self.prefix + self.hexadecimal }

    /// Reads exactly what ``description`` writes; anything else, uppercase digits too, is nil.
    package init?(_ description: String) {
        let digits = Array(description.utf8.dropFirst(Self.prefix.utf8.count))
        guard description.hasPrefix(Self.prefix), digits.count == 64 else { return nil }
        var words: [UInt64] = []
        for start in stride(from: 0, to: 64, by: 16) {
            var word: UInt64 = 0
            for digit in digits[start..<start + 16] {
                switch digit {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): word = word << 4 | UInt64(digit - UInt8(ascii: "0"))
                case UInt8(ascii: "a")...UInt8(ascii: "f"): word = word << 4 | UInt64(digit - UInt8(ascii: "a") + 10)
                default: return nil
                }
            }
            words.append(word)
        }
        self.words = (words[0], words[1], words[2], words[3])
    }
}

extension ContentDigest: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let digest = Self(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is not a sha256 digest")
        }
        self = digest
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}

// MARK: SHA-256

/// SHA-256 over bytes that arrive in pieces (FIPS 180-4).
package struct ContentHasher: Sendable {
    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    private var schedule = [UInt32](repeating: 0, count: 64)
    /// Bytes that do not fill a block yet.
    private var rest: [UInt8] = []
    private var byteCount: UInt64 = 0

    private static let blockSize = 64

    package init() {}

    package mutating func update(_ bytes: some Sequence<UInt8>) {
        let isDone: Void? = bytes.withContiguousStorageIfAvailable { self.update($0) }
        if isDone == nil {
            Array(bytes).withUnsafeBufferPointer { self.update($0) }
        }
    }

    private mutating func update(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.byteCount &+= UInt64(bytes.count)
        var bytes = bytes[...]
        if !self.rest.isEmpty {
            let head = bytes.prefix(Self.blockSize - self.rest.count)
            self.rest.append(contentsOf: head)
            bytes = bytes.dropFirst(head.count)
            guard self.rest.count == Self.blockSize else { return }
            let block = self.rest
            block.withUnsafeBufferPointer { self.compress($0) }
            self.rest.removeAll(keepingCapacity: true)
        }
        let whole = bytes.count / Self.blockSize * Self.blockSize
        self.compress(UnsafeBufferPointer(rebasing: bytes.prefix(whole)))
        self.rest.append(contentsOf: bytes.dropFirst(whole))
    }

    package consuming func finish() -> ContentDigest {
        let bitCount = self.byteCount &* 8
        var padding: [UInt8] = [0x80]
        padding.append(contentsOf: repeatElement(0, count: (119 - Int(self.byteCount % 64)) % 64))
        padding.append(contentsOf: (0..<8).map { UInt8(truncatingIfNeeded: bitCount >> (56 - 8 * $0)) })
        self.update(padding)
        let words = stride(from: 0, to: 8, by: 2).map { UInt64(self.state[$0]) << 32 | UInt64(self.state[$0 + 1]) }
        return ContentDigest(words: (words[0], words[1], words[2], words[3]))
    }

    /// Takes in whole blocks.
    private mutating func compress(_ blocks: UnsafeBufferPointer<UInt8>) {
        self.schedule.withUnsafeMutableBufferPointer { w in
            self.state.withUnsafeMutableBufferPointer { state in
                Self.constants.withUnsafeBufferPointer { k in
                    for start in stride(from: 0, to: blocks.count, by: Self.blockSize) {
                        Self.expand(UnsafeBufferPointer(rebasing: blocks[start..<start + Self.blockSize]), into: w)
                        Self.mix(w, k, into: state)
                    }
                }
            }
        }
    }

    @inline(__always)
    private static func expand(_ block: UnsafeBufferPointer<UInt8>, into w: UnsafeMutableBufferPointer<UInt32>) {
        for i in 0..<16 {
            let high = UInt32(block[4 * i]) << 24 | UInt32(block[4 * i + 1]) << 16
            w[i] = high | UInt32(block[4 * i + 2]) << 8 | UInt32(block[4 * i + 3])
        }
        for i in 16..<64 {
            let a = w[i - 15]
            let b = w[i - 2]
            let s0 = Self.rotate(a, 7) ^ Self.rotate(a, 18) ^ (a >> 3)
            let s1 = Self.rotate(b, 17) ^ Self.rotate(b, 19) ^ (b >> 10)
            w[i] = w[i - 16] &+ s0 &+ w[i - 7] &+ s1
        }
    }

    @inline(__always)
    private static func mix(
        _ w: UnsafeMutableBufferPointer<UInt32>,
        _ k: UnsafeBufferPointer<UInt32>,
        into state: UnsafeMutableBufferPointer<UInt32>
    ) {
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for i in 0..<64 {
            let s1 = Self.rotate(e, 6) ^ Self.rotate(e, 11) ^ Self.rotate(e, 25)
            let first = h &+ s1 &+ ((e & f) ^ (~e & g)) &+ k[i] &+ w[i]
            let s0 = Self.rotate(a, 2) ^ Self.rotate(a, 13) ^ Self.rotate(a, 22)
            let second = s0 &+ ((a & b) ^ (a & c) ^ (b & c))
            (h, g, f, e) = (g, f, e, d &+ first)
            (d, c, b, a) = (c, b, a, first &+ second)
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
        state[4] &+= e
        state[5] &+= f
        state[6] &+= g
        state[7] &+= h
    }

    @inline(__always)
    private static func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 {
        value &>> count | value &<< (32 - count)
    }

    /// The fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2).
    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}
