// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunPlan
import RunVocabulary
import Testing

@Suite struct PlanValueTests {
    @Test func `a share of the targets is rounded down`() {
        #expect(TargetCount.percent(25).resolved(of: 7) == 1)
        #expect(TargetCount.percent(100).resolved(of: 7) == 7)
        #expect(TargetCount.number(9).resolved(of: 7) == 9)
    }

    @Test func `waits double up to their longest, and stay there`() {
        let retry = Retry(attempts: 100, backoff: .exponential, initial: .seconds(2), max: .seconds(30), jitter: false)
        #expect(
            [2, 3, 4, 5, 6, 7, 100].map { retry.wait(before: $0) } == [2, 4, 8, 16, 30, 30, 30].map { .seconds($0) }
        )
        let fixed = Retry(attempts: 3, backoff: .fixed, initial: .seconds(2), max: .seconds(30), jitter: false)
        #expect(fixed.wait(before: 3) == .seconds(2))
    }

    @Test func `more than half of the voters are a quorum`() {
        #expect([1, 2, 3, 4, 5].map { Inventory.quorum(voters: $0) } == [1, 2, 2, 3, 3])
    }

    @Test(arguments: ["role:sre", "person:ada", "role:a:b"])
    func `an approver's text comes back`(text: String) {
        #expect(Approver(text: text)?.text == text)
    }

    @Test(arguments: ["", "ada", "role:", "Role:sre", ":x"])
    func `anything else is no approver`(text: String) {
        #expect(Approver(text: text) == nil)
    }

    @Test func `a node's own command wins over the one for all`() {
        var node = Node(name: "zk1", host: "h", roles: [])
        let all = Service(name: "zookeeper", commands: ["start": ["systemctl", "start", "zookeeper"]])
        let inventory = Inventory(clusterName: "", clusterID: "", nodes: [], services: [all])
        #expect(inventory.command(of: "zookeeper", .start, on: node) == ["systemctl", "start", "zookeeper"])
        #expect(inventory.command(of: "zookeeper", .stop, on: node) == nil)
        #expect(inventory.command(of: "kafka", .start, on: node) == nil)
        node.services = [Service(name: "zookeeper", commands: ["start": ["zkServer.sh", "start"]])]
        #expect(inventory.command(of: "zookeeper", .start, on: node) == ["zkServer.sh", "start"])
    }

    @Test func `a skipped step leads where success leads, and doubt without a route fails`() {
        var routes = Routes(succeeded: .state(1), otherwise: .state(2))
        #expect(routes.destination(of: .skipped) == .state(1))
        #expect(routes.destination(of: .inDoubt) == .fail)
        routes.inDoubt = .state(3)
        #expect(routes.destination(of: .inDoubt) == .state(3))
        #expect(routes.destination(of: .cancelled) == .fail)
    }

    // MARK: host functions

    private func evaluate(_ text: String, _ variables: [String: CELValue]) throws -> CELValue {
        let expression = try #require(CELExpression.parse(text).0)
        return try expression.evaluate(CELActivation(variables), hostFunctions: HostFunctions.table)
    }

    private func result(_ epoch: CELValue, _ zxid: CELValue, _ name: String) -> CELValue {
        .record(
            CELRecord(
                "zookeeper_result",
                fields: [.init("epoch", epoch), .init("zxid", zxid), .init("n", .string(name))]
            )
        )
    }

    @Test func `the best result has the highest epoch, then the highest zxid`() throws {
        let results = CELValue.list([
            self.result(.int(3), .int(9), "a"), self.result(.int(4), .int(1), "b"), self.result(.int(4), .int(2), "c"),
            self.result(.unknown(CELUnknown("down")), .int(7), "d"),
        ])
        #expect(try self.evaluate("best(results).n", ["results": results]) == .string("c"))
    }

    @Test func `of none, and of two alike, none is the best`() {
        let tied = CELValue.list([self.result(.int(4), .int(2), "a"), self.result(.int(4), .int(2), "b")])
        for results in [tied, .list([]), .list([self.result(.unknown(CELUnknown("down")), .int(7), "d")])] {
            #expect(throws: CELEvaluationError.self) { try self.evaluate("best(results).n", ["results": results]) }
        }
    }
}
