// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import Testing

@Suite struct SecretReferenceTests {
    @Test(arguments: [
        ("${TOKEN}", SecretReference.environment("TOKEN")), ("${file:/etc/token}", .file("/etc/token")),
        ("${file:a b}", .file("a b")),
    ])
    func `a place of a secret is read and written alike`(text: String, reference: SecretReference) throws {
        #expect(SecretReference(text: text) == reference)
        #expect(reference.text == text)
        #expect(try JSONDecoding.decode(SecretReference.self, from: try JSONEncoding.encode(reference)) == reference)
    }

    @Test(arguments: ["sesame", "${}", "${file:}", "${TO KEN}", "$TOKEN", "${TOKEN", "a${TOKEN}"])
    func `what may be the secret itself is no place`(text: String) {
        #expect(SecretReference(text: text) == nil)
    }

    @Test func `a binding says where its secrets are, and another place is another digest`() throws {
        func binding(_ reference: SecretReference?) -> RunBinding {
            RunBinding(
                run: "r1",
                plan: Plan(runbook: "a", title: "a", severity: .info, source: "", regions: []),
                parameters: ["limit": .int(1)],
                inventory: Inventory(clusterName: "c", clusterID: "", nodes: [], services: []),
                requestedBy: "ada",
                secrets: reference.map { ["token": $0] }
            )
        }
        let one = binding(.environment("TOKEN"))
        #expect(one.shownParameters.map { "\($0.name)=\($0.text)" } == ["limit=1", "token=${TOKEN}"])
        #expect(Set([one.digest, binding(nil).digest, binding(.file("/a")).digest]).count == 3)
        #expect(try JSONDecoding.decode(RunBinding.self, from: try JSONEncoding.encode(one)) == one)
    }
}
