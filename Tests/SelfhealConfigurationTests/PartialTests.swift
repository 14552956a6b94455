// Selfheal
// SPDX-License-Identifier: Apache-2.0

import SelfhealConfiguration
import Testing

/// What is left of a configuration with mistakes, for who needs the store alone.
@Suite struct PartialTests {
    @Test(arguments: [
        "monitoring: { intervall: 5s }\nstore: { folder: /srv/store }",
        "http: {}\nstore: { folder: /srv/store }",
        "store: { folder: /srv/store }\npeople: [{ roles: [sre] }]", "monitors: []\nstore: { folder: /srv/store }",
    ])
    func `a mistake elsewhere leaves the store and the people`(text: String) {
        let result = Loaded.withCluster(text).result
        #expect(result.configuration == nil)
        #expect(result.partial?.storeFolder == "/srv/store")
    }

    @Test(arguments: [
        "store: { foldr: /srv/store }", "store: { folder: [] }", "store: { folder: \"${NOT_THERE}\" }",
        "stoer: { folder: /srv/store }", "store: { folder: a, group: [] }", "include: [not_there.yaml]",
    ])
    func `where the store is must be certain`(text: String) {
        let result = Loaded.withCluster(text).result
        #expect(result.configuration == nil)
        #expect(result.partial == nil)
    }

    @Test func `one without a mistake has no need of it`() {
        #expect(Loaded.withCluster("").result.partial == nil)
    }
}
