// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookCompiler
import RunbookSource
import Testing

/// The plan of a text with nothing wrong.
func plan(
    of text: String,
    path: String = "runbook.yaml",
    at location: Testing.SourceLocation = #_sourceLocation
) throws -> Plan {
    let checked = CheckedRunbook(path: path, text: text)
    let rendered = checked.diagnostics.map { checked.file.render($0) }.joined(separator: "\n")
    return try #require(checked.plan, "\(rendered)", sourceLocation: location)
}

/// Says everything that the language has at least once.
let everything = """
    runbook: everything
    title: All of it
    severity: critical
    owner: somebody
    parameters:
      mode: { type: enum, values: [gentle, hard], default: gentle, description: How }
      wait: { type: duration, default: 2m }
      count: { type: int, default: 3 }
      loud: { type: bool, default: false }
      folder: { type: string }
    targets:
      ensemble: { role: zookeeper, datacenter: "${{ parameters.folder }}" }
      some: { role: host, nodes: [zk1, zk2] }
    triggers:
      - condition: size(ensemble.filter(n, n.serving)) < quorum(ensemble)
        for: 30s
        cooldown: 30m
        limit: 2 per 24h
    autonomy: automatic
    mass_failure: true
    fresh: 5s
    deadline: 90m
    locks: [cluster, { name: brokers, wait: 5m }]
    properties:
      - never: { step: act, unless: size(ensemble) > 1 }
      - before: { first: look, then: act }
      - at_most: { down_by_us: 1, of: ensemble }
      - every_path: { notifies: oncall, unless: not_needed }
      - every_path: { ends_within: 90m }
      - possible: { ends: succeeded }
    assume: { faults: 2, approvals: [granted, expired], nodes: { ensemble: 4 }, begin: { ensemble: [up, lost] } }
    steps:
      - id: look
        title: Look
        max_visits: 3
        probe: { targets: ensemble, expect_targets: 1..5, zookeeper: { ask: [srvr, disk_epoch] } }
        timeout: 10s
      - id: web
        probe: { http: { url: "http://127.0.0.1:1/${{ run.id }}" } }
      - id: route
        choose:
          - { when: steps.look.succeeded, next: values }
          - { when: size(ensemble) > 9, next: look }
          - otherwise: give_up
          - if_unknown: give_up
      - id: values
        set: { down: "ensemble.filter(n, !n.serving)" }
      - id: ask
        approve:
          message: May ${{ down }} be started?
          from: [role:sre, person:ada]
          needed: 2
          timeout: 15m
          on_timeout: timed_out
          channels: [oncall]
        if_refused: give_up
        if_timed_out: give_up
      - id: act
        when: parameters.mode == 'gentle'
        require: ensemble.exists(n, n.serving)
        run:
          targets: down
          service: zookeeper
          do: start
          repeat: guarded
          batch: { size: 25%, ramp: [1, 10%], order: target.name, pause: 30s, max_failures: 1 }
        timeout: 1m
        deadline: 10m
        retry: { attempts: 3, backoff: exponential, initial: 2s, max: 30s, jitter: true }
        verify: { tcp: { port: client }, expect: result.open, every: 2s }
        if_in_doubt: give_up
      - id: script
        run:
          local: true
          effect: changes
          repeat: safe
          script: |
            echo "$A"
          env: { A: "${{ parameters.count }}" }
      - id: words
        run: { targets: some, command: [echo, "${{ target.name }}", ""], effect: reads, repeat: never }
      - id: each
        for_each: { as: node, in: down, serial: 50%, pause: 5s, stop_after_failures: 2 }
        steps:
          - id: waits
            wait: { targets: "[node]", kafka: { ask: [metadata] }, until: result.serving, every: 2s, consecutive: 3 }
            timeout: 2m
          - id: shell
            probe: { targets: "[node]", ssh: { command: [cat, /proc/uptime] } }
      - id: rest
        pause: parameters.wait
      - id: done
        finish: { outcome: succeeded, message: "took ${{ run.elapsed }}" }
      - id: give_up
        notify: { channels: [oncall], severity: critical, message: "${{ run.reason }}" }
      - id: end
        finish: { outcome: escalated }
    on_failure:
      - id: tell
        notify: { channels: [oncall], message: "${{ run.step }}" }
    finally:
      - id: last
        pause: 1s

    """
