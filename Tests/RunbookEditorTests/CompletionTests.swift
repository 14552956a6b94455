// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunbookEditor
import RunbookSource
import Testing

/// What is offered while a runbook is typed, most of the time in a text that is no YAML.
@Suite struct CompletionTests {
    @Test func `a new step is offered every verb, and nothing that it has already`() throws {
        let offered = try EditedRunbook("  - id: new\n    title: x\n    ¦").completions
        #expect(Set(offered).isSuperset(of: ["probe", "wait", "run", "approve", "choose", "for_each", "when"]))
        #expect(!offered.contains("id") && !offered.contains("title"))
    }

    @Test func `a step that has its verb is offered no second one`() throws {
        let offered = try EditedRunbook("  - id: new\n    ¦\n    pause: 5s\n").completions
        #expect(offered.contains("when") && offered.contains("next"))
        #expect(!offered.contains("probe") && !offered.contains("pause") && !offered.contains("timeout"))
    }

    @Test(arguments: [
        (
            "wait: { targets: brokers, tcp: { port: broker }, until: result.open }", ["timeout", "if_timed_out"],
            ["retry", "verify", "undo"]
        ),
        ("finish: { outcome: failed }", ["when"], ["next", "timeout", "steps"]),
        ("for_each: { as: x, in: brokers }", ["steps", "deadline"], ["require", "timeout"]),
        ("run: { targets: brokers, service: kafka, do: stop }", ["require", "retry", "verify", "undo"], ["steps"]),
    ])
    func `a step is offered what says something beside its verb`(
        verb: String,
        wanted: [String],
        unwanted: [String]
    ) throws {
        let offered = try EditedRunbook("  - id: new\n    \(verb)\n    ¦").completions
        #expect(Set(offered).isSuperset(of: wanted), "\(offered)")
        #expect(Set(offered).isDisjoint(with: unwanted), "\(offered)")
    }

    @Test func `a required key comes first`() throws {
        #expect(try EditedRunbook("  - ¦").completions.first == "id")
    }

    @Test(arguments: [
        ("  - id: new\n    probe: { ¦", "zookeeper"), ("  - id: new\n    probe: { tcp: { ¦ } }", "port"),
        ("  - id: new\n    probe:\n      ¦", "targets"),
        ("  - id: new\n    probe:\n      targets: brokers\n      k¦", "kafka"),
        ("  - id: new\n    choose:\n      - ¦", "otherwise"), ("  - id: new\n    choose: [{ when: 'true', ¦", "next"),
        ("  - id: new\n    retry: { attempts: 2, b¦", "backoff"), ("on_failure:\n  - id: x\n    ¦", "notify"),
        ("sever¦", "severity"),
    ])
    func `the keys of a mapping are offered inside it`(text: String, key: String) throws {
        #expect(try EditedRunbook(text).completions.contains(key))
    }

    @Test(arguments: [
        ("  - id: new\n    finish: { outcome: ¦", "not_needed"), ("  - id: new\n    run: { do: ¦", "restart"),
        ("  - id: new\n    probe: { zookeeper: { ask: [srvr, ¦", "mntr"), ("autonomy: ¦", "observe"),
        ("  - id: new\n    retry: { jitter: ¦", "true"), ("  - id: new\n    next: ¦", "give_up"),
        ("  - id: new\n    if_failed: g¦", "give_up"), ("properties:\n  - never: { step: ¦", "look"),
        ("properties:\n  - at_most: { down_by_us: 1, of: ¦", "brokers"),
        ("  - id: new\n    probe: { targets: ¦", "ensemble"),
    ])
    func `values are the words and names that fit`(text: String, value: String) throws {
        #expect(try EditedRunbook(text).completions.contains(value))
    }

    @Test(arguments: [
        ("  - id: new\n    when: ¦", ["steps", "parameters", "ensemble", "size"]),
        ("  - id: new\n    when: steps.¦", ["look", "each", "give_up"]),
        ("  - id: new\n    when: parameters.¦", ["patience"]), ("  - id: new\n    when: settings.¦", ["folder"]),
        ("  - id: new\n    when: clusters.west.¦", ["id", "datacenter"]),
        ("settings:\n  other: { type: int, ¦", ["default", "description"]),
        ("  - id: new\n    when: steps.look.¦", ["outcome", "succeeded", "results", "items"]),
        ("  - id: new\n    when: steps.look.results[0].¦", ["zxid", "serving", "target"]),
        ("  - id: new\n    when: steps.look.results.¦", ["all", "exists", "filter", "sortBy"]),
        ("  - id: new\n    when: \"steps.look.results.filter(r, r.¦\"", ["zxid", "epoch", "serving"]),
        ("  - id: new\n    when: steps.look.results.map(r, r.target).all(n, n.¦", ["host", "serving", "roles"]),
        ("  - id: new\n    when: steps.look.results.filter(r, ¦", ["r", "steps"]),
        ("  - id: new\n    when: >-\n      steps.look.results\n      .¦", ["all", "filter"]),
        ("  - id: new\n    pause: parameters.¦", ["patience"]),
        ("  - id: new\n    notify: { channels: [a], message: \"it took ${{ run.¦\"", ["elapsed", "reason"]),
    ])
    func `expressions are completed by the types of what is before the dot`(text: String, fields: [String]) throws {
        let offered = try EditedRunbook(text).completions
        #expect(Set(offered).isSuperset(of: fields), "\(offered)")
    }

    @Test func `what is waited for has the type of the probe`() throws {
        let step =
            "  - id: serves\n    wait: { targets: brokers, tcp: { port: broker }, until: \"true\" }\n    timeout: 1m\n"
        let typed = step.replacing("\"true\"", with: "result.¦")
        let offered = try EditedRunbook(EditedRunbook.good + typed, after: EditedRunbook.good + step).completions
        #expect(Set(offered).isSuperset(of: ["open", "latency"]), "\(offered)")
    }

    @Test func `inside a loop its variable is known`() throws {
        let text = EditedRunbook.good.replacing("targets: \"[member]\"", with: "targets: \"[member.¦]\"")
        #expect(Set(try EditedRunbook(text).completions).isSuperset(of: ["host", "name"]))
    }

    @Test(arguments: [
        "  # a comm¦", "  - id: new\n    when: steps.look.outcome == 'suc¦", "  - id: new\n    title: so¦",
    ])
    func `nothing is offered in comments and texts`(text: String) throws {
        #expect(try EditedRunbook(text).completions == [])
    }

    @Test func `a step is not offered itself`() throws {
        #expect(!(try EditedRunbook("  - id: give_up_2\n    next: ¦").completions.contains("give_up_2")))
    }

    @Test func `a file that is no runbook is left alone`() throws {
        let text = "services:\n  web:\n    image: x\n"
        let document = RunbookDocument(path: "compose.yaml", text: text, grammar: try EditedRunbook.grammar())
        #expect(document.diagnostics == [])
        #expect(document.completions(at: text.utf8.count - 1).items.isEmpty)
    }
}
