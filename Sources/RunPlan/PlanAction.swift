// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunVocabulary

/// What a state does, one case for each verb.
package indirect enum PlanAction: Hashable, Sendable, Codable {
    case probe(ProbeAction)
    case wait(WaitAction)
    case run(RunAction)
    case request(RequestAction)
    case approve(ApproveAction)
    case notify(NotifyAction)
    case choose(ChooseAction)
    case forEach(ForEachAction)
    case parallel(ParallelAction)
    case call(CallAction)
    case set(values: [NamedExpression])
    case pause(length: Expression)
    case finish(outcome: RunOutcome, message: Template?)

    /// The verb as a runbook writes it.
    package var verb: String {
        switch self {
        case .probe: "probe"
        case .wait: "wait"
        case .run: "run"
        case .request: "request"
        case .approve: "approve"
        case .notify: "notify"
        case .choose: "choose"
        case .forEach: "for_each"
        case .parallel: "parallel"
        case .call: "call"
        case .set: "set"
        case .pause: "pause"
        case .finish: "finish"
        }
    }
}

package struct NamedExpression: Hashable, Sendable, Codable {
    package var name: String
    package var value: Expression

    package init(name: String, value: Expression) {
        self.name = name
        self.value = value
    }
}

/// Which nodes a step is about, and how many there must be.
package struct Targets: Hashable, Sendable, Codable {
    package var nodes: Expression
    /// Any other number is refused, and none at all always is.
    package var expected: ClosedRange<Int>?

    package init(nodes: Expression, expected: ClosedRange<Int>? = nil) {
        self.nodes = nodes
        self.expected = expected
    }
}

/// One look at each target.
package struct ProbeAction: Hashable, Sendable, Codable {
    /// Without targets the engine itself asks once, as `http` with a `url` does.
    package var targets: Targets?
    package var probe: ProbeSpecification
    package var timeout: Milliseconds

    package init(targets: Targets?, probe: ProbeSpecification, timeout: Milliseconds) {
        self.targets = targets
        self.probe = probe
        self.timeout = timeout
    }
}

/// Looks again and again until something holds.
package struct WaitAction: Hashable, Sendable, Codable {
    package var targets: Targets?
    package var probe: ProbeSpecification
    package var until: Expression
    package var every: Milliseconds
    /// How many times in a row it must hold.
    package var consecutive: Int
    package var timeout: Milliseconds

    package init(
        targets: Targets?,
        probe: ProbeSpecification,
        until: Expression,
        every: Milliseconds,
        consecutive: Int,
        timeout: Milliseconds
    ) {
        self.targets = targets
        self.probe = probe
        self.until = until
        self.every = every
        self.consecutive = consecutive
        self.timeout = timeout
    }
}

/// What is looked at.
///
/// Ports are names of the node's ports (`client`, `broker`, `admin`) or numbers as text.
package enum ProbeSpecification: Hashable, Sendable, Codable {
    case tcp(port: String)
    case http(HTTPQuestion)
    case zookeeper(ask: [ZooKeeperQuestion])
    case kafka(ask: [KafkaQuestion])
    case tls(TLSQuestion<Template>)
    case prometheus(PrometheusQuestion<Template>)
    case dns(DNSQuestion<Template>)
    case jmx(JMXQuestion<Template>)
    /// A command that only reads, run over SSH.
    case ssh(command: [Template])

    /// Whether the engine itself can ask it, as it names what it asks.
    package var needsNoTargets: Bool {
        switch self {
        case .http(let question): question.url != nil
        case .tls(let question): question.address != nil
        case .jmx(let question): question.url != nil
        case .prometheus, .dns: true
        case .tcp, .zookeeper, .kafka, .ssh: false
        }
    }
}

package struct HTTPQuestion: Hashable, Sendable, Codable {
    /// A whole address, or nothing when `port` and `path` say it for each target.
    package var url: Template?
    package var port: String?
    package var path: Template?

    package init(url: Template?, port: String?, path: Template?) {
        self.url = url
        self.port = port
        self.path = path
    }
}

package enum ZooKeeperQuestion: String, Hashable, Sendable, Codable, CaseIterable {
    case srvr
    case mntr
    case zabstate
    case diskEpoch = "disk_epoch"
    case clusterID = "cluster_id"
}

package enum KafkaQuestion: String, Hashable, Sendable, Codable, CaseIterable {
    case metadata
    case replication
    case lag
    /// The quorum of controllers, where ZooKeeper does not elect them.
    case quorum
}

/// A command on each target, in batches.
package struct RunAction: Hashable, Sendable, Codable {
    /// Without targets it runs on the engine's own machine (`local: true`).
    package var targets: Targets?
    package var command: CommandSpecification
    package var effect: EffectClass
    package var repeating: RepeatPolicy
    /// Per target and attempt.
    package var timeout: Milliseconds
    package var batch: Batch
    package var verify: Verify?
    package var become: BecomeChoice?
    /// A command's variables; a script has its own.
    package var environment: [NamedTemplate]?
    /// Where it runs, in place of the home folder.
    package var directory: Template?
    /// What it reads, in place of nothing.
    package var input: Template?

    package init(
        targets: Targets?,
        command: CommandSpecification,
        effect: EffectClass,
        repeating: RepeatPolicy,
        timeout: Milliseconds,
        batch: Batch,
        verify: Verify?
    ) {
        self.targets = targets
        self.command = command
        self.effect = effect
        self.repeating = repeating
        self.timeout = timeout
        self.batch = batch
        self.verify = verify
    }
}

package enum CommandSpecification: Hashable, Sendable, Codable {
    case service(name: String, verb: ServiceVerb)
    /// Every element arrives byte for byte.
    case command([Template])
    /// A POSIX sh text in which nothing is interpolated; values come in through the environment.
    case script(text: String, environment: [NamedTemplate])
}

package struct NamedTemplate: Hashable, Sendable, Codable {
    package var name: String
    package var value: Template

    package init(name: String, value: Template) {
        self.name = name
        self.value = value
    }
}

package enum ServiceVerb: String, Hashable, Sendable, Codable, CaseIterable {
    case start
    case stop
    case restart
    case status

    package var effect: EffectClass {
        switch self {
        case .start: .starts
        case .stop: .stops
        case .restart: .restarts
        case .status: .reads
        }
    }
}

/// A number of targets, given as such or as a share of all.
package enum TargetCount: Hashable, Sendable, Codable {
    case number(Int)
    case percent(Int)

    /// The number for `total` targets; a share is rounded down.
    package func resolved(of total: Int) -> Int {
        switch self {
        case .number(let number): number
        case .percent(let percent): total * percent / 100
        }
    }
}

package struct Batch: Hashable, Sendable, Codable {
    /// How many targets at once; a share is at least one.
    package var size: TargetCount
    /// The sizes of the first batches, before those of `size`; nothing when all are alike.
    package var ramp: [TargetCount]?
    package var pause: Milliseconds
    /// How many targets may fail, counted over the whole step, before no further one is touched.
    package var maxFailures: TargetCount

    package init(
        size: TargetCount,
        ramp: [TargetCount]? = nil,
        pause: Milliseconds,
        maxFailures: TargetCount
    ) {
        self.size = size
        self.ramp = ramp
        self.pause = pause
        self.maxFailures = maxFailures
    }

    /// How many targets the batch of this number (from 0) has, of `total` in all; one at least.
    package func size(ofBatch number: Int, of total: Int) -> Int {
        let ramp = self.ramp ?? []
        return max(1, (ramp.indices.contains(number) ? ramp[number] : self.size).resolved(of: total))
    }

    /// How many batches `total` targets make.
    package func count(of total: Int) -> Int {
        var left = total
        var number = 0
        while left > 0 {
            left -= self.size(ofBatch: number, of: total)
            number += 1
        }
        return number
    }

    /// `2 at once, 30s between batches, halts at the first failure`.
    package var summary: String {
        func text(_ count: TargetCount) -> String {
            switch count {
            case .number(let number): "\(number)"
            case .percent(let percent): "\(percent)%"
            }
        }
        var parts: [String] = []
        if let ramp = self.ramp, !ramp.isEmpty {
            parts.append("\(ramp.map(text).joined(separator: ", then ")), then \(text(self.size)) at once")
        } else {
            parts.append(self.size == .number(1) ? "one after the other" : "\(text(self.size)) at once")
        }
        if self.pause > .zero {
            parts.append("\(self.pause) between batches")
        }
        parts.append(
            self.maxFailures == .number(0)
                ? "halts at the first failure" : "halts when more than \(text(self.maxFailures)) failed"
        )
        return parts.joined(separator: ", ")
    }

    /// One target after the other, halting at the first failure.
    package static let oneByOne = Batch(size: .number(1), pause: .zero, maxFailures: .number(0))
}

/// How one finds out whether an act happened: a probe, and what it must show.
package struct Verify: Hashable, Sendable, Codable {
    package var probe: ProbeSpecification
    package var expect: Expression
    package var every: Milliseconds

    package init(probe: ProbeSpecification, expect: Expression, every: Milliseconds) {
        self.probe = probe
        self.expect = expect
        self.every = every
    }
}

/// Asks people.
package struct ApproveAction: Hashable, Sendable, Codable {
    package enum Silence: String, Hashable, Sendable, Codable, CaseIterable {
        case refused
        case timedOut = "timed_out"
    }

    package var message: Template
    package var from: [Approver]
    package var needed: Int
    package var timeout: Milliseconds
    package var onTimeout: Silence
    /// Who is told that the gate is open.
    package var channels: [String]

    package init(
        message: Template,
        from: [Approver],
        needed: Int,
        timeout: Milliseconds,
        onTimeout: Silence,
        channels: [String]
    ) {
        self.message = message
        self.from = from
        self.needed = needed
        self.timeout = timeout
        self.onTimeout = onTimeout
        self.channels = channels
    }
}

/// Who may answer at a gate: everyone with a role, or one person.
package enum Approver: Hashable, Sendable {
    case role(String)
    case person(PersonName)

    /// Reads `role:sre` or `person:ada`.
    package init?(text: String) {
        guard let colon = text.firstIndex(of: ":") else {
            return nil
        }
        let name = String(text[text.index(after: colon)...])
        switch (text[..<colon], name.isEmpty) {
        case ("role", false): self = .role(name)
        case ("person", false): self = .person(PersonName(name))
        default: return nil
        }
    }

    package var text: String {
        switch self {
        case .role(let name): "role:\(name)"
        case .person(let name): "person:\(name)"
        }
    }
}

extension Approver: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let approver = Approver(text: text) else {
            throw DecodingError.dataCorruptedError(
                in: container,
                debugDescription: "'\(text)' is no role and no person"
            )
        }
        self = approver
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.text)
    }
}

package struct NotifyAction: Hashable, Sendable, Codable {
    package var channels: [String]
    package var severity: Severity
    package var message: Template

    package init(channels: [String], severity: Severity, message: Template) {
        self.channels = channels
        self.severity = severity
        self.message = message
    }
}

package struct ChooseAction: Hashable, Sendable, Codable {
    package struct Branch: Hashable, Sendable, Codable {
        package var when: Expression
        package var next: Destination

        package init(when: Expression, next: Destination) {
            self.when = when
            self.next = next
        }
    }

    package var branches: [Branch]
    package var otherwise: Destination
    /// Where an unknown condition leads; without one, unknown is `otherwise`.
    package var ifUnknown: Destination?

    package init(branches: [Branch], otherwise: Destination, ifUnknown: Destination?) {
        self.branches = branches
        self.otherwise = otherwise
        self.ifUnknown = ifUnknown
    }
}

package struct ForEachAction: Hashable, Sendable, Codable {
    package var name: String
    package var elements: Expression
    package var body: RegionID
    /// How many iterations at once.
    package var serial: TargetCount
    package var pause: Milliseconds
    package var stopAfterFailures: Int

    package init(
        name: String,
        elements: Expression,
        body: RegionID,
        serial: TargetCount,
        pause: Milliseconds,
        stopAfterFailures: Int
    ) {
        self.name = name
        self.elements = elements
        self.body = body
        self.serial = serial
        self.pause = pause
        self.stopAfterFailures = stopAfterFailures
    }
}
