// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import TestSupport
import Testing

@Suite struct PeopleTests {
    @Test func `people keep their order, and one role needs no list`() {
        let loaded = Loaded.withCluster(
            """
            people:
              - { name: lin, unix_user: lin, roles: sre }
              - { name: ada }
            security: { requester_may_approve: true }
            """
        )
        #expect(loaded.diagnostics == [])
        #expect(
            loaded.configuration?.people == [
                Person(name: "lin", unixUser: "lin", roles: ["sre"]), Person(name: "ada"),
            ]
        )
        #expect(loaded.configuration?.requesterMayApprove == true)
        #expect(loaded.configuration?.allowsSpeakingForOthers == false)
    }

    @Test func `nobody is listed twice, and no user speaks for two`() {
        let loaded = Loaded.withCluster(
            """
            people:
              - { name: ❶ada❶, unix_user: ❸ops❸ }
              - { name: ❷ada❷ }
              - { name: lin, unix_user: ❹ops❹ }
            """
        )
        let source = loaded.source
        #expect(
            loaded.diagnostics == [
                .duplicatePerson("ada", at: source["❷"], first: source["❶"]),
                .sharedUnixUser("ops", at: source["❹"], first: source["❸"]),
            ]
        )
    }

    @Test func `a nameless person and a switch that is no boolean are refused`() {
        let loaded = Loaded.withCluster(
            "people: [❶{ roles: [sre] }❶]\nsecurity: { speak_for_others: ❷\"true\"❷ }\n"
        )
        #expect(loaded.diagnostics.map(\.code.number) == [103, 101])
        #expect(loaded.diagnostics.map(\.span) == [loaded.source["❶"], loaded.source["❷"]])
        #expect(loaded.configuration == nil)
    }
}
