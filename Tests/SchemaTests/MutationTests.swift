// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import RunbookCompiler
import RunbookLanguage
import RunbookSource
import RunbookYAML
import TestSupport
import Testing

// Goal: schema and parser agree on what a runbook looks like, and not only where somebody thought of an example.
// Method: the runbooks that are shipped and one with every verb in it, each time with one key taken out, renamed or given a value of
// another kind, chosen by a seed; one of the two refuses what the other lets pass only where the schema cannot know better.
@Suite struct MutationTests {
    static let rounds = 150

    /// What a schema cannot say: texts with a grammar of their own, and what depends on two places at once.
    static let beyondSchemas: Set<UInt16> = [
        13, 26, 105, 107, 108, 109, 110, 116, 119, 123, 124, 127, 301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 311,
    ]

    /// What the parser lets pass though an editor underlines it: a service that has a port may call it anything.
    static let lenient: Set<String> = ["'port' is true"]

    static let everyVerb = """
        runbook: every_verb
        title: All of it
        severity: critical
        owner: somebody
        parameters: { mode: { type: enum, values: [a, b], default: a }, token: { type: secret } }
        settings: { far: { type: duration, default: 1m, description: d }, kind: { type: enum, values: [a], default: a } }
        targets: { ensemble: { role: zookeeper, datacenter: north }, named: { nodes: [a, b] } }
        triggers:
          - { condition: size(ensemble) < 2, for: 30s, cooldown: 1h, limit: 2 per 24h }
          - { alert: Down, labels: { severity: critical }, parameters: { mode: what }, cooldown: 1m, limit: 2 per 1h }
          - { webhook: told, parameters: { mode: what } }
          - { cron: 30 3 * * sun, timezone: Europe/Berlin, catch_up: once, cooldown: 1m, limit: 2 per 1h }
        autonomy: approve
        mass_failure: true
        fresh: 10s
        deadline: 1h
        locks: [cluster, { name: other, wait: 5m }]
        properties:
          - never: { step: act, unless: size(ensemble) > 1 }
          - never: { together: [act, talk] }
          - before: { first: look, then: act }
          - at_most: { down_by_us: 1, of: ensemble }
          - every_path: { notifies: oncall, unless: not_needed }
          - every_path: { ends_within: 1h }
          - possible: { ends: succeeded }
        assume:
          faults: 2
          lies: 1
          crashes: 1
          cancels: 0
          approvals: [granted, denied]
          nodes: { ensemble: 3 }
          begin: { ensemble: [up, down] }
        steps:
          - { id: look, probe: { targets: ensemble, expect_targets: 1..3, zookeeper: { ask: [srvr] } }, timeout: 5s }
          - { id: handshake, probe: { tls: { address: "a:1", name: b } } }
          - { id: secured, probe: { targets: ensemble, tls: { port: client } } }
          - { id: ask_metrics, probe: { prometheus: { url: "http://a/", query: up } } }
          - { id: ask_names, probe: { dns: { name: a.example, type: AAAA, server: 127.0.0.1 } } }
          - { id: heap, probe: { targets: ensemble, jmx: { port: 1, mbean: "a:b=c", attribute: d, path: e } } }
          - id: rest
            wait: { targets: ensemble, tcp: { port: client }, until: result.open, every: 2s, consecutive: 2 }
            timeout: 1m
            if_timed_out: done
          - id: act
            when: size(ensemble) > 1
            require: size(ensemble) > 1
            run: { targets: ensemble, service: zookeeper, do: start, batch: { size: 25%, pause: 1s, max_failures: 0 } }
            timeout: 1m
            retry: { attempts: 3, backoff: exponential, initial: 1s, max: 5s, jitter: true }
            verify: { ssh: { command: [true] }, expect: result.answered, every: 1s }
            undo: { run: { targets: ensemble, service: zookeeper, do: stop } }
            max_visits: 2
          - id: write
            run: { local: true, command: [echo, hi], env: { A: b }, effect: changes, repeat: safe, stdin: x, directory: / }
          - { id: talk, request: { method: POST, url: "http://a/", headers: { A: b }, body: x, effect: changes } }
          - { id: ask, approve: { message: m, from: [role:sre], needed: 2, timeout: 5m, on_timeout: refused }, if_refused: done }
          - { id: tell, notify: { channels: [oncall], severity: info, message: m } }
          - { id: fork, choose: [{ when: size(ensemble) > 2, next: done }, { otherwise: both }, { if_unknown: done }] }
          - id: both
            parallel:
              join: any
              branches: { north: [{ id: n, pause: 1s }], south: [{ id: s, pause: 1s }] }
          - { id: each, for_each: { as: x, in: ensemble, serial: 1, stop_after_failures: 1 }, steps: [{ id: e, pause: 1s }] }
          - { id: other, call: { runbook: other, with: { a: "'b'" } } }
          - { id: name, set: { a: "1" } }
          - { id: done, finish: { outcome: succeeded, message: "${{ settings.far }} ${{ settings.kind }}" } }
        on_failure: { undo: true, steps: [{ id: f, pause: 1s }] }
        finally: [{ id: l, pause: 1s }]
        """

    static let texts: [String] = {
        let files = (try? Repository.files(in: "runbooks")) ?? []
        return [everyVerb] + files.compactMap { try? Repository.yaml($0).file.text }
    }()

    private static func compiles(_ syntax: RunbookSyntax?) -> Bool {
        let loader = RunbookLoader { path in
            if path == "other.yaml" {
                let text = "runbook: other\nparameters: { a: { type: string } }\nsteps: [{ id: rest, pause: 1s }]\n"
                return SourceFile(path: path, text: text)
            }
            return try? Repository.yaml("runbooks/\(path)").file
        }
        return syntax.flatMap { RunbookCompiler.compile($0, path: "r.yaml", loader: loader).plan } != nil
    }

    @Test func `what is mutated is right`() throws {
        let schema = try Schema("runbook")
        for text in Self.texts {
            let root = try #require(YAMLDocument.parse(SourceFile(path: "r.yaml", text: text)).root)
            #expect(try schema.problems(with: JSON(root)) == [])
            let (syntax, shape) = RunbookParser.parse(root)
            #expect(shape == [])
            #expect(Self.compiles(syntax))
        }
    }

    @Test(arguments: texts.indices)
    func `a runbook with one thing wrong is refused by both or by neither`(index: Int) throws {
        let schema = try Schema("runbook")
        let root = try #require(YAMLDocument.parse(SourceFile(path: "r.yaml", text: Self.texts[index])).root)
        var random = SeededGenerator(seed: UInt64(index) + 1)
        var refused = 0
        for round in 0..<Self.rounds {
            var mutation = Mutation(place: Int.random(in: 0..<root.mappingCount, using: &random), random: random)
            let mutant = mutation.applied(to: root)
            random = mutation.random
            let problems = try schema.problems(with: JSON(mutant))
            let (syntax, shape) = RunbookParser.parse(mutant)
            let codes = shape.filter { $0.severity == .error }.map(\.code.number)
            let structural = codes.filter { !Self.beyondSchemas.contains($0) }
            // A name that nothing has, and a word of a list that the compiler keeps, are wrong in their meaning.
            let isRefused = !codes.isEmpty || !Self.compiles(syntax)
            refused += problems.isEmpty ? 0 : 1
            #expect(
                problems.isEmpty || isRefused || Self.lenient.contains(mutation.what),
                "round \(round), \(mutation.what): the schema alone says \(problems.prefix(2))"
            )
            #expect(
                structural.isEmpty || !problems.isEmpty,
                "round \(round), \(mutation.what): the parser alone says \(structural)"
            )
        }
        // Most keys may be left out; most words may not be other words.
        #expect(refused > Self.rounds / 3)
    }
}
