// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// HMAC-SHA256 over a message and the moment of sending, by which a receiver knows who sent it and when.
///
/// The moment is part of what is signed, so that a recorded message cannot be sent again later; receivers compare it
/// with their own clock.
package enum MessageSignature {
    /// The value of `X-Selfheal-Signature`: `v1=` and the hexadecimal HMAC of `timestamp "." body`.
    package static func header(key: Secret<String>, unixSeconds: Int64, body: [UInt8]) -> String {
        let code = Self.code(key: Array(key.reveal().utf8), message: Array("\(unixSeconds).".utf8) + body)
        return "v1=\(code.hexadecimal)"
    }

    /// RFC 2104.
    static func code(key: [UInt8], message: [UInt8]) -> ContentDigest {
        let blockSize = 64
        var block = key.count > blockSize ? ContentDigest(of: key).bytes : key
        block += [UInt8](repeating: 0, count: blockSize - block.count)
        let inner = ContentDigest(of: block.map { $0 ^ 0x36 } + message)
        return ContentDigest(of: block.map { $0 ^ 0x5c } + inner.bytes)
    }
}
