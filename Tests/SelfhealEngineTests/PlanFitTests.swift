// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
import RunTestSupport
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine
import Testing

/// What a runbook asks for and a configuration does not have.
@Suite struct PlanFitTests {
    private static let people = [
        Person(name: "ada", unixUser: "ada", roles: ["sre"]), Person(name: "lin", roles: ["sre"]),
        Person(name: "bo", roles: ["manager"]),
    ]

    private func misfits(
        _ steps: String,
        targets: String = "all: { role: node }",
        by requester: PersonName = "nobody",
        isReachable: Bool = true,
        parameters: [String: Fact] = [:]
    ) throws -> [Misfit] {
        let text = """
            runbook: test
            title: A test
            severity: warning
            owner: us
            targets:
              \(targets)
            steps:
            \(steps)

            """
        var binding = try PlanFixture.binding(text, requestedBy: requester)
        binding.parameters = parameters
        if isReachable {
            for index in binding.inventory.nodes.indices {
                binding.inventory.nodes[index].ssh = SSHAccess(
                    address: "127.0.0.1",
                    port: 22,
                    user: "root",
                    hostKeys: [],
                    identityFile: "/k"
                )
            }
        }
        let preview = PlanPreview(of: binding)
        return PlanFit(preview, of: binding, people: Self.people, channels: ["oncall"]).misfits
    }

    private func gate(_ rest: String) -> String {
        "  - id: ask\n    approve: { message: May we?, \(rest), timeout: 5m, on_timeout: refused }"
    }

    private func run(_ service: String, on targets: String = "all") -> String {
        "  - id: act\n    run: { targets: \"\(targets)\", service: \(service), do: start }\n    timeout: 10s"
    }

    @Test func `what fits is not spoken of`() throws {
        let steps = self.run("app") + "\n" + self.gate("from: [role:sre], needed: 2, channels: [oncall]")
        #expect(try self.misfits(steps) == [])
    }

    @Test func `a service without a command is told with the services there are`() throws {
        let misfit = try #require(try self.misfits(self.run("solr")).first)
        #expect(misfit.message == "there is no command to start 'solr' on n1, n2, n3")
        #expect(misfit.help.hasSuffix("services there: app"))
        #expect(misfit.place == Place(line: 8, column: 9))
        #expect(!misfit.isWarning)
    }

    @Test func `a node that cannot be reached is no target of a command`() throws {
        let misfits = try self.misfits(self.run("app"), isReachable: false)
        #expect(misfits.map(\.message) == ["commands cannot be sent to n1, n2, n3: the configuration does not say how"])
    }

    @Test func `of computed targets only what fits none is surely wrong`() throws {
        let look = "  - id: look\n    probe: { targets: all, tcp: { port: app } }\n"
        let targets = "steps.look.results.filter(r, r.open).map(r, r.target)"
        #expect(try self.misfits(look + self.run("app", on: targets)) == [])
        #expect(try self.misfits(look + self.run("solr", on: targets)).count == 1)
    }

    @Test func `a channel that is not there is told`() throws {
        let steps = "  - id: tell\n    notify: { channels: [pager, oncall], message: hello }"
        let misfits = try self.misfits(steps)
        #expect(misfits.map(\.message) == ["nobody can be told by 'pager': the configuration has no such channel"])
        #expect(misfits.map(\.help) == ["channels there: oncall"])
    }

    @Test func `an empty selection is a warning, and an error for a step that is about it`() throws {
        let look = "  - id: look\n    probe: { targets: all, tcp: { port: app } }"
        let misfits = try self.misfits(look, targets: "all: { role: nothing }")
        #expect(misfits.map(\.isWarning) == [true, false])
        #expect(misfits[0].selection == "all" && misfits[0].message == "'all' is empty: no node has the role 'nothing'")
        let guarded = try self.misfits(look + "\n    when: size(all) > 0", targets: "all: { role: nothing }")
        #expect(guarded.map(\.isWarning) == [true])
    }

    @Test func `a node that is named and not there is an error`() throws {
        let look = "  - id: look\n    probe: { targets: all, tcp: { port: app } }"
        let misfits = try self.misfits(look, targets: "all: { nodes: [n1, n9] }")
        #expect(misfits.map(\.message) == ["'all' names the node 'n9', which is not there"])
        #expect(!misfits[0].isWarning)
    }

    @Test func `a node that a parameter names and that is not there is an error as well`() throws {
        let look = "  - id: look\n    probe: { targets: all, tcp: { port: app } }"
        let targets =
            "all: { nodes: [\"${{ parameters.host }}\"] }\nparameters: { host: { type: string } }"
        let misfits = try self.misfits(look, targets: targets, parameters: ["host": .string("n9")])
        #expect(try self.misfits(look, targets: targets).allSatisfy { !$0.message.contains("which is not there") })
        #expect(misfits.map(\.message).first == "'all' names the node 'n9', which is not there")
        #expect(misfits.first?.isWarning == false)
    }

    @Test func `a role that nobody has, and a person who is not there`() throws {
        #expect(try self.misfits(self.gate("from: [role:boss]")).map(\.message) == ["nobody has the role 'boss'"])
        #expect(try self.misfits(self.gate("from: [person:zoe]")).map(\.message) == ["'people:' has no 'zoe'"])
    }

    @Test func `more approvals than people who may give them`() throws {
        let misfits = try self.misfits(self.gate("from: [role:sre], needed: 3"))
        #expect(misfits.map(\.message) == ["3 of role:sre must approve, and there are 2"])
        #expect(try self.misfits(self.gate("from: [role:sre, role:manager], needed: 3")) == [])
    }

    @Test func `who starts the run does not count`() throws {
        let steps = self.gate("from: [role:sre], needed: 2")
        let misfit = try #require(try self.misfits(steps, by: "ada").first)
        #expect(misfit.message.contains("ada, who starts the run"))
        #expect(try self.misfits(steps, by: "bo") == [])
    }
}
