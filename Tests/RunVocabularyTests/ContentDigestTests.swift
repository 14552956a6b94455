// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import Testing

@Suite struct ContentDigestTests {
    // The vectors of FIPS 180-4 and of NIST's secure hashing examples.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        (
            String(repeating: "a", count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ])
    func `known contents have known digests`(text: String, digest: String) {
        #expect(ContentDigest(of: text.utf8).hexadecimal == digest)
        #expect(ContentDigest(of: Array(text.utf8)).description == "sha256:\(digest)")
    }

    @Test func `it does not matter in which pieces bytes arrive`() {
        for length in [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 300] {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
            let whole = ContentDigest(of: bytes)
            for size in [1, 3, 63, 64, 65, 200] {
                var hasher = ContentHasher()
                for start in stride(from: 0, to: length, by: size) {
                    hasher.update(bytes[start..<min(start + size, length)])
                }
                #expect(hasher.finish() == whole)
            }
            #expect(ContentDigest(of: AnySequence(bytes)) == whole)
        }
    }

    @Test func `a digest reads back what it writes`() throws {
        let digest = ContentDigest(of: "abc".utf8)
        #expect(ContentDigest(digest.description) == digest)
        #expect(digest.short == "ba7816bf8f01")
        #expect(digest.bytes.count == 32 && digest.bytes[0] == 0xba && digest.bytes[31] == 0xad)
        let json = try JSONEncoding.encode(digest)
        #expect(json == .string(digest.description))
        #expect(try JSONDecoding.decode(ContentDigest.self, from: json) == digest)
    }

    @Test(arguments: [
        "", "sha256:", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256:ba7816", "md5:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
        "sha256:ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ])
    func `anything else is no digest`(text: String) {
        #expect(ContentDigest(text) == nil)
        #expect(throws: DecodingError.self) { try JSONDecoding.decode(ContentDigest.self, from: .string(text)) }
    }
}
