// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import Testing

@Suite struct PlanDigestTests {
    @Test func `a plan comes back from JSON as it was, with its digest`() throws {
        let plan = try plan(of: everything)
        let json = try JSONEncoding.encode(plan)
        let read = try JSONDecoding.decode(Plan.self, from: try JSON(parsing: json.canonicalBytes))
        #expect(read == plan)
        #expect(read.digest == plan.digest)
        #expect(plan.digest.hasPrefix("sha256:"))
    }

    @Test func `a binding comes back from JSON as it was, with its digest`() throws {
        var node = Node(name: "zk1", host: "10.0.0.1", roles: ["zookeeper"])
        node.ports = ["client": 2181]
        node.monitor = .zookeeper(ask: [.srvr])
        node.ssh = SSHAccess(
            address: "10.0.0.1",
            port: 22,
            user: "ops",
            hostKeys: ["ssh-ed25519 AAAA"],
            identityFile: "k"
        )
        let facts: [String: Fact] = [
            "mode": .string("gentle"), "wait": .span(.minutes(2)), "count": .int(3), "loud": .bool(false),
            "folder": .string(""), "more": .strings(["a", ""]), "odd": .unknown("why"),
            "share": .double(2), "end": .moment(Instant(milliseconds: -1)),
            "load": .samples([Fact.Sample(labels: ["a": "b"], value: .infinity)]),
        ]
        let binding = RunBinding(
            run: "r1",
            plan: try plan(of: everything),
            parameters: facts,
            inventory: Inventory(clusterName: "c", clusterID: "", nodes: [node], services: []),
            requestedBy: "ada"
        )
        let read = try JSONDecoding.decode(RunBinding.self, from: try JSONEncoding.encode(binding))
        #expect(read == binding)
        #expect(read.digest == binding.digest)
    }

    @Test func `a digest does not depend on where the file lies`() throws {
        #expect(try plan(of: everything, path: "a.yaml").digest == plan(of: everything, path: "b/c.yaml").digest)
    }

    // Goal: an approval of one plan never fits another.
    // Method: change one word at a time, each with a meaning.
    @Test(
        arguments: [
            ("default: gentle", "default: hard"), ("default: 2m", "default: 3m"), ("role: host", "role: disk"),
            ("nodes: [zk1, zk2]", "nodes: [zk1]"), ("for: 30s", "for: 31s"), ("limit: 2 per", "limit: 3 per"),
            ("autonomy: automatic", "autonomy: observe"), ("mass_failure: true", "mass_failure: false"),
            ("fresh: 5s", "fresh: 6s"), ("deadline: 90m", "deadline: 91m"), ("wait: 5m }]", "wait: 6m }]"),
            ("down_by_us: 1", "down_by_us: 2"), ("max_visits: 3", "max_visits: 4"), ("1..5", "1..6"),
            ("ask: [srvr, disk_epoch]", "ask: [srvr]"), ("otherwise: give_up", "otherwise: end"),
            ("if_unknown: give_up", "if_unknown: end"), ("!n.serving", "n.serving"), ("needed: 2", "needed: 1"),
            ("person:ada", "person:bob"), ("on_timeout: timed_out", "on_timeout: refused"),
            ("if_refused: give_up", "if_refused: end"), ("== 'gentle'", "== 'hard'"),
            ("require: ensemble.exists", "require: ensemble.all"), ("do: start", "do: stop"),
            ("repeat: guarded", "repeat: safe"), ("size: 25%", "size: 25"), ("max_failures: 1", "max_failures: 0"),
            ("timeout: 1m", "timeout: 2m"), ("attempts: 3", "attempts: 4"), ("backoff: exponential", "backoff: fixed"),
            ("jitter: true", "jitter: false"), ("expect: result.open", "expect: '!result.open'"),
            ("if_in_doubt: give_up", "if_in_doubt: end"), ("echo \"$A\"", "echo \"$B\""), ("[echo, ", "[rm, "),
            ("in: down", "in: ensemble"), ("serial: 50%", "serial: 51%"), ("consecutive: 3", "consecutive: 2"),
            ("faults: 2", "faults: 1"), ("granted, expired", "granted"), ("[up, lost]", "[up]"),
            ("outcome: escalated", "outcome: failed"), ("pause: 1s", "pause: 2s"), ("${{ run.step }}", "${{ run.id }}"),
        ]
    )
    func `a digest changes with what it means`(before: String, after: String) throws {
        let changed = everything.replacing(before, with: after, maxReplacements: 1)
        try #require(changed != everything)
        #expect(try plan(of: changed).digest != plan(of: everything).digest)
    }

    @Test func `a binding's digest changes with the parameters, the nodes and the one who asked`() throws {
        let plan = try plan(of: everything)
        func digest(folder: String = "a", host: String = "h", by person: PersonName = "ada") -> String {
            let inventory = Inventory(
                clusterName: "c",
                clusterID: "",
                nodes: [Node(name: "zk1", host: host, roles: ["zookeeper"])],
                services: []
            )
            return RunBinding(
                run: "r1",
                plan: plan,
                parameters: ["folder": .string(folder)],
                inventory: inventory,
                requestedBy: person
            ).digest
        }
        #expect(digest() == digest())
        #expect(Set([digest(), digest(folder: "b"), digest(host: "i"), digest(by: "lin")]).count == 4)
    }
}
