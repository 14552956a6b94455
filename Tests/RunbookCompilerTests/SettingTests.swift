// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import TestSupport
import Testing

/// `settings.NAME` and `clusters.NAME`: declared here, given by the configuration.
@Suite struct SettingTests {
    private static let declared = """
        runbook: mend
        settings:
          settle_time: { type: duration, default: 2m }
          most: { type: int, default: 3 }
          mode: { type: enum, values: [fast, careful], default: careful }

        """

    private static let sound =
        declared + """
            steps:
              - id: settle
                when: settings.most > 2 && settings.mode == 'careful'
                pause: settings.settle_time

            """

    @Test func `a setting has its default in the plan`() throws {
        let made = try plan(of: Self.sound)
        #expect(made.settings?.map(\.name) == ["settle_time", "most", "mode"])
        #expect(made.settings?.map(\.value) == [.span(.minutes(2)), .int(3), .string("careful")])
        #expect(made.clusters == nil)
    }

    @Test func `a plan without settings is the plan that it was before there were any`() throws {
        let made = try plan(of: "runbook: mend\nsteps:\n  - id: rest\n    pause: 1s\n")
        #expect(made.settings == nil)
        let text = try JSONEncoding.encode(made).prettyText
        #expect(!text.contains("settings") && !text.contains("clusters"))
    }

    @Test(arguments: [
        ("pause: settings.settle_time", "pause: settings.❶setle_time❶", 304),
        ("settings.most > 2", "settings.most > 'two'", 307),
        ("pause: settings.settle_time", "pause: ❶settings.most❶", 307),
        ("default: 2m", "default: ❶soon❶", 210), ("default: 3", "default: ❶three❶", 210),
        ("values: [fast, careful], default: careful", "values: [fast, careful], default: ❶slow❶", 210),
        ("type: int, default: 3", "type: ❶number❶, default: 3", 104), (", default: 3", "", 103),
        ("type: enum, values", "type: ❶secret❶, values", 131), ("  most:", "  ❶Most❶:", 108),
    ])
    func `a mistake is found where it is`(good: String, bad: String, code: UInt16) throws {
        try #require(Self.sound.contains(good))
        let source = MarkedSource(Self.sound.replacing(good, with: bad, maxReplacements: 1))
        let found = compile(source).diagnostics
        let first = try #require(found.first { $0.code.number == code }, "\(found)")
        if bad.contains("❶") {
            #expect(first.span == source["❶"])
        }
    }

    @Test func `a misspelt setting is corrected`() throws {
        let found = compile(MarkedSource(Self.sound.replacing("settings.most", with: "settings.mots"))).diagnostics
        #expect(found.contains { $0.slip?.meant == "most" }, "\(found)")
    }

    @Test func `a setting that nothing reads is told`() {
        let source = MarkedSource(
            Self.declared.replacing("most", with: "❶most❶")
                + "steps:\n  - id: settle\n    when: settings.mode == 'fast'\n    pause: settings.settle_time\n"
        )
        let found = compile(source).diagnostics
        #expect(found.map(\.code.number) == [130])
        #expect(found.first?.span == source["❶"])
    }

    @Test func `nodes may be those that a setting tells`() throws {
        let made = try plan(
            of: """
                runbook: mend
                settings: { place: { type: string, default: west } }
                targets: { there: { role: zookeeper, datacenter: "${{ settings.place }}" } }
                steps:
                  - id: look
                    probe: { targets: there, zookeeper: { ask: [srvr] } }

                """
        )
        #expect(made.selections.first?.datacenter != nil)
    }

    @Test func `the clusters that a runbook names are in its plan, with their first place`() throws {
        let made = try plan(
            of: """
                runbook: mend
                steps:
                  - id: compare
                    when: clusters.mirror.id != clusters['us-west-2'].id && clusters.mirror.datacenter != ''
                    pause: 1s

                """
        )
        #expect(made.clusters?.map(\.name) == ["mirror", "us-west-2"])
        #expect(made.clusters?.first?.place?.line == 4)
    }

    @Test func `what is not known of clusters is refused`() {
        let source = MarkedSource(
            "runbook: mend\nsteps:\n  - id: a\n    when: clusters.mirror.nmae == ''\n    pause: 1s\n"
        )
        let found = compile(source).diagnostics
        #expect(found.first?.slip?.meant == "name", "\(found)")
    }

    @Test(arguments: ["settings", "clusters"]) func `no selection may take the name`(name: String) {
        let source = MarkedSource("runbook: mend\ntargets: { ❶\(name)❶: { role: a } }\nsteps: [{ id: a, pause: 1s }]\n")
        #expect(compile(source).diagnostics.contains { $0.code.number == 205 && $0.span == source["❶"] })
    }
}
