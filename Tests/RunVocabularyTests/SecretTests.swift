// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import Testing

@Suite struct SecretTests {
    private struct Holder {
        let password = Secret("hunter2")
    }

    @Test func `a secret is shown by none of the ways in which values are shown`() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(Holder(), to: &dumped)
        let shown = [
            "\(secret)", String(reflecting: secret), String(describing: Holder()), "\([secret])",
            "\(Optional(secret) as Any)", dumped,
        ]
        for text in shown { #expect(!text.contains("hunter2")) }
        #expect("\(secret)" == "<secret>")
        #expect(Mirror(reflecting: secret).children.isEmpty)
    }

    @Test func `a secret hands out its value and compares by it`() {
        #expect(Secret("hunter2").reveal() == "hunter2")
        #expect(Secret("a") == Secret("a"))
        #expect(Secret("a") != Secret("b"))
    }
}
