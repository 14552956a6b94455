// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunVocabulary
import Synchronization

/// Takes secrets out of text that came back: as they are, and in the forms in which programs like to print them.
///
/// Base64, hexadecimal digits and percent-encoding are known; what a program encrypts, cuts up or turns round is not.
struct SecretMask: Sendable {
    static let placeholder = Array("<secret>".utf8)
    /// Shorter ones are not taken out: they would be found everywhere.
    static let shortest = 4

    /// Longest first, so that no secret is found inside another.
    private let needles: [[UInt8]]
    private let firstBytes: Set<UInt8>

    init(_ secrets: [String]) {
        var needles: Set<[UInt8]> = []
        for secret in secrets where secret.utf8.count >= Self.shortest {
            let bytes = Array(secret.utf8)
            needles.insert(bytes)
            // A long secret is often printed line by line.
            for line in bytes.split(separator: UInt8(ascii: "\n")) where line.count >= 2 * Self.shortest {
                needles.insert(Array(line))
            }
            needles.formUnion(Self.encodings(of: bytes))
        }
        self.needles = needles.sorted { $0.count > $1.count }
        self.firstBytes = Set(needles.compactMap(\.first))
    }

    var isEmpty: Bool {
        self.needles.isEmpty
    }

    func mask(_ text: String) -> String {
        guard !self.isEmpty else {
            return text
        }
        let (masked, rest) = self.mask(Array(text.utf8))
        return String(decoding: masked + rest, as: UTF8.self)
    }

    /// The text without the secrets in it; beside a place where something was left out, half a secret is taken out, too.
    func maskCut(_ text: String) -> String {
        guard !self.isEmpty, let gap = Self.gap(in: Array(text.utf8)) else {
            return self.mask(text)
        }
        let bytes = Array(text.utf8)
        var (head, rest) = self.mask(Array(bytes[..<gap.lowerBound]))
        if rest.count >= Self.shortest {
            rest = Self.placeholder
        }
        head += rest
        var tail = Array(bytes[gap.upperBound...])
        if let cut = self.endOfSecret(at: tail), cut >= Self.shortest {
            tail.replaceSubrange(..<cut, with: Self.placeholder)
        }
        let end = self.mask(tail)
        return String(decoding: head + bytes[gap] + end.masked + end.rest, as: UTF8.self)
    }

    /// The bytes without the secrets in them, and from their end what may be the beginning of one.
    func mask(_ bytes: [UInt8]) -> (masked: [UInt8], rest: [UInt8]) {
        var masked: [UInt8] = []
        masked.reserveCapacity(bytes.count)
        var position = 0
        while position < bytes.count {
            guard self.firstBytes.contains(bytes[position]) else {
                masked.append(bytes[position])
                position += 1
                continue
            }
            let left = bytes[position...]
            if let needle = self.needles.first(where: { left.starts(with: $0) }) {
                masked += Self.placeholder
                position += needle.count
            } else if self.needles.contains(where: { $0.count > left.count && $0.starts(with: left) }) {
                return (masked, Array(left))
            } else {
                masked.append(bytes[position])
                position += 1
            }
        }
        return (masked, [])
    }

    /// How many bytes of the beginning are the end of a secret.
    private func endOfSecret(at bytes: [UInt8]) -> Int? {
        var longest: Int?
        for needle in self.needles {
            for start in needle.indices.dropFirst() where bytes.starts(with: needle[start...]) {
                longest = max(longest ?? 0, needle.count - start)
                break
            }
        }
        return longest
    }

    private static func gap(in bytes: [UInt8]) -> Range<Int>? {
        let gap = Array(CommandReport.gap.utf8)
        guard bytes.count >= gap.count else {
            return nil
        }
        for start in 0...(bytes.count - gap.count) where bytes[start...].starts(with: gap) {
            return start..<(start + gap.count)
        }
        return nil
    }

    // MARK: Encodings

    private static func encodings(of bytes: [UInt8]) -> [[UInt8]] {
        let lower = Array("0123456789abcdef".utf8)
        let upper = Array("0123456789ABCDEF".utf8)
        var encodings = [self.hexadecimal(bytes, lower), self.hexadecimal(bytes, upper)]
        for digits in [lower, upper] {
            encodings.append(
                bytes.flatMap { byte -> [UInt8] in
                    self.isUnreserved(byte)
                        ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                }
            )
        }
        // Whatever comes before or after it, whole groups of three bytes look the same; the first may be cut off.
        for skipped in 0..<3 {
            let whole = bytes.dropFirst(skipped)
            let groups = Array(whole.prefix(whole.count / 3 * 3))
            guard groups.count >= 6 else {
                continue
            }
            encodings.append(self.base64(groups, "+/"))
            encodings.append(self.base64(groups, "-_"))
        }
        return encodings
    }

    private static func hexadecimal(_ bytes: [UInt8], _ digits: [UInt8]) -> [UInt8] {
        bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// Of a whole number of groups.
    private static func base64(_ bytes: [UInt8], _ last: String) -> [UInt8] {
        let letters = Array(("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789" + last).utf8)
        return stride(from: 0, to: bytes.count, by: 3).flatMap { start -> [UInt8] in
            let group = bytes[start..<(start + 3)].reduce(0) { $0 << 8 | Int($1) }
            return [18, 12, 6, 0].map { letters[group >> $0 & 63] }
        }
    }
}

/// Takes secrets out of output that comes in pieces: a secret may be cut by two of them.
final class StreamMask: Sendable {
    private let mask: SecretMask
    /// What may be the beginning of a secret, of each stream.
    private let held = Mutex<[Bool: [UInt8]]>([:])

    init(_ mask: SecretMask) {
        self.mask = mask
    }

    /// What may be shown now; empty when all of it must wait for what comes next.
    func pass(_ text: String, isError: Bool) -> String {
        guard !self.mask.isEmpty else {
            return text
        }
        return self.held.withLock { held in
            let (masked, rest) = self.mask.mask((held[isError] ?? []) + Array(text.utf8))
            held[isError] = rest
            return String(decoding: masked, as: UTF8.self)
        }
    }

    /// What was held back and turned out to be no secret.
    func finish(isError: Bool) -> String {
        self.held.withLock { held in
            defer { held[isError] = nil }
            return String(decoding: held[isError] ?? [], as: UTF8.self)
        }
    }
}
