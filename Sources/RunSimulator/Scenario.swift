// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import ClusterWatch
package import RunPlan
package import RunVocabulary
package import RunbookSource

/// A pretend cluster and what befalls it: everything a rehearsal needs besides the runbook and a seed.
package struct Scenario: Hashable, Sendable {
    package var name: String
    package var title: String?
    /// Where the scenario's name stands, for what is wrong with it as a whole.
    package var span: SourceSpan
    package var cluster = Cluster()
    /// In the order of their moments.
    package var faults: [Fault] = []
    package var durations = Durations()
    /// Sorted by name.
    package var people: [Person] = []
    package var mishaps: [Mishap] = []
    /// In the order of their moments.
    package var answers: [Answer] = []
    package var monitors = Monitors()
    /// The guard rails of the daemon that starts the runbook; nothing rehearses the runbook alone.
    package var watch: Watch?
    package var start = Start.onTrigger
    package var parameters: [Parameter] = []
    /// When the rehearsal is given up.
    package var until = Scenario.defaultLimit

    package static let defaultLimit = Milliseconds.minutes(6 * 60)

    package init(name: String, span: SourceSpan) {
        self.name = name
        self.span = span
    }

    package enum Start: Hashable, Sendable {
        /// When a trigger of the runbook fires, as the monitors of the scenario see the world.
        case onTrigger
        case at(Milliseconds)
    }

    package struct Parameter: Hashable, Sendable {
        package var name: String
        package var text: String
        package var span: SourceSpan

        package init(name: String, text: String, span: SourceSpan) {
            self.name = name
            self.text = text
            self.span = span
        }
    }
}

// MARK: The cluster

extension Scenario {
    package struct Cluster: Hashable, Sendable {
        package var name = "practice"
        package var id = "practice-cluster-id"
        /// In the order of the scenario.
        package var members: [Member] = []
        package var brokers: [Broker] = []
        package var hosts: [Host] = []
        /// How many znodes the tree has; a tree that was begun anew has ``emptyTree``.
        package var znodes = 137
        /// Each has up to three replicas, on brokers that follow one another.
        package var partitions = 60

        /// What ZooKeeper itself keeps in a tree without anyone's data.
        package static let emptyTree = 5

        package init() {}

        package var nodeNames: [NodeName] {
            self.members.map(\.name) + self.brokers.map(\.name) + self.hosts.map(\.name)
        }
    }

    package enum Process: String, Hashable, Sendable, CaseIterable {
        case up
        case down
    }

    /// What a member holds on its disk when the scenario begins.
    package enum Holding: String, Hashable, Sendable, CaseIterable {
        case intact
        /// Intact, and behind the others.
        case stale
        case lost
    }

    /// A ZooKeeper member.
    package struct Member: Hashable, Sendable {
        package var name: NodeName
        package var process = Process.up
        package var holding = Holding.intact
        package var epoch: Int64 = 3
        /// Nothing: what fits the epoch and the holding.
        package var zxid: Int64?
        package var isVoter = true
        package var datacenter = ""

        package init(name: NodeName) {
            self.name = name
        }
    }

    package struct Broker: Hashable, Sendable {
        package var name: NodeName
        package var process = Process.up
        package var datacenter = ""

        package init(name: NodeName) {
            self.name = name
        }
    }
}

extension Scenario {
    /// A node that is neither member nor broker: what is asked of it is answered by the scenario.
    package struct Host: Hashable, Sendable {
        package var name: NodeName
        package var roles: [String]
        /// What its process is called, for commands that start or stop it.
        package var service: String?
        package var process = Process.up
        package var datacenter = ""

        package init(name: NodeName, roles: [String]) {
            self.name = name
            self.roles = roles
        }
    }
}

// MARK: What befalls it

extension Scenario {
    package enum FaultKind: String, Hashable, Sendable, CaseIterable {
        /// The process ends; its disk stays as it is.
        case kill
        /// The process ends and its disk is empty.
        case wipe
        /// Nobody reaches the node any more, neither we nor its peers.
        case cut
        /// The process stands still: connections are taken, nothing is answered.
        case hang
        /// Ends `cut` and `hang`; what was killed stays down.
        case heal
        /// Somebody else starts the process.
        case start
    }

    package struct Fault: Hashable, Sendable {
        package var at: Milliseconds
        package var kind: FaultKind
        package var nodes: [NodeName]

        package init(at moment: Milliseconds, _ kind: FaultKind, _ nodes: [NodeName]) {
            self.at = moment
            self.kind = kind
            self.nodes = nodes
        }
    }

    /// How long things take; a range is drawn from anew each time.
    package struct Durations: Hashable, Sendable {
        package var startMember = Milliseconds.seconds(2)...Milliseconds.seconds(4)
        package var stopMember = Milliseconds.seconds(1)...Milliseconds.seconds(2)
        package var startBroker = Milliseconds.seconds(20)...Milliseconds.seconds(60)
        package var stopBroker = Milliseconds.seconds(5)...Milliseconds.seconds(30)
        /// From the moment a broker takes connections until its replicas are in sync again.
        package var catchUp = Milliseconds.seconds(10)...Milliseconds.seconds(60)
        package var election = Milliseconds(200)...Milliseconds(1_500)
        /// A command on a host, besides what it brings about.
        package var command = Milliseconds(200)...Milliseconds(800)
        package var probe = Milliseconds(2)...Milliseconds(20)
        package var notice = Milliseconds(100)...Milliseconds(400)

        package init() {}
    }

    package struct Person: Hashable, Sendable {
        package enum Answer: String, Hashable, Sendable, CaseIterable {
            case grant
            case deny
            /// Sleeps through it.
            case never
        }

        package var name: PersonName
        package var roles: [String]
        package var answer: Answer
        /// From the moment the gate opens.
        package var after: ClosedRange<Milliseconds>

        package init(
            name: PersonName,
            roles: [String],
            answer: Answer,
            after: ClosedRange<Milliseconds> = .minutes(1) ... .minutes(1)
        ) {
            self.name = name
            self.roles = roles
            self.answer = answer
            self.after = after
        }
    }

    /// Commands that do not go as they should.
    package struct Mishap: Hashable, Sendable {
        package enum Kind: Hashable, Sendable {
            case fails(status: Int, says: String)
            /// Does not end until it is stopped.
            case hangs
            /// Is carried out, and nobody hears of it.
            case doubtful
        }

        package var verb: String
        /// The step whose commands they are; nothing means any.
        package var step: Spanned<String>?
        package var node: NodeName
        package var kind: Kind
        /// How many times; nothing means always.
        package var times: Int?

        package init(verb: String, step: Spanned<String>? = nil, node: NodeName, kind: Kind, times: Int?) {
            self.verb = verb
            self.step = step
            self.node = node
            self.kind = kind
            self.times = times
        }
    }

    package struct Monitors: Hashable, Sendable {
        package var every = Milliseconds.seconds(15)
        package var timeout = Milliseconds.seconds(5)
        /// How many looks in a row it takes to change one's mind.
        package var downAfter = 1
        package var upAfter = 1

        package init() {}
    }
}

// MARK: The watch

extension Scenario {
    /// What a live engine keeps to before it starts a runbook by itself.
    package struct Watch: Hashable, Sendable {
        package var askFrom: [Approver] = []
        package var askFor: Milliseconds
        package var cooldown: Milliseconds
        package var concurrentRuns: Int
        package var panicThreshold: Int
        /// How long the watch goes on when a run has ended, to see what it starts next.
        package var afterwards = Milliseconds.zero

        /// As the daemon has it.
        package init(_ settings: WatchSettings = WatchSettings()) {
            self.askFor = settings.askFor
            self.cooldown = settings.cooldown
            self.concurrentRuns = settings.concurrentRuns
            self.panicThreshold = settings.panicThreshold
        }
    }

    /// What the machine of the watch is given.
    func watchSettings(_ watch: Watch) -> WatchSettings {
        var settings = WatchSettings()
        settings.every = self.monitors.every
        settings.timeout = self.monitors.timeout
        settings.downAfter = self.monitors.downAfter
        settings.upAfter = self.monitors.upAfter
        settings.askFrom = watch.askFrom
        settings.askFor = watch.askFor
        settings.cooldown = watch.cooldown
        settings.concurrentRuns = watch.concurrentRuns
        settings.panicThreshold = watch.panicThreshold
        return settings
    }
}
