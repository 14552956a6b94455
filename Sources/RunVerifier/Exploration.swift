// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
package import RunVocabulary

/// What was found from some of the beginnings.
package struct Exploration: Sendable {
    package enum Ending: String, Hashable, Sendable {
        case complete
        /// The search reached the number of states that it may explore.
        case stateLimit = "state_limit"
        /// The search reached the memory that it may take.
        case memoryLimit = "memory_limit"
    }

    package var states = 0
    package var transitions = 0
    /// States of the run itself.
    package var desks = 0
    /// States of the cluster.
    package var worlds = 0
    package var machineSteps = 0
    package var bytesPerState = 0
    package var ending = Ending.complete
    /// How many states take so much bad luck in all.
    package var statesByLuck: [Int] = []
    /// How many states there are with this step under way, the innermost one.
    package var statesByStep: [StepName: Int] = [:]
    package var reached: Set<StepName> = []
    package var outcomes: Set<RunOutcome> = []
    package var violations: [Property: Trace] = [:]

    init(of explorer: Explorer) {
        self.states = explorer.store.count
        self.transitions = explorer.transitions
        self.desks = explorer.desks.count
        self.worlds = explorer.worldCount
        self.machineSteps = explorer.machineSteps
        self.bytesPerState = explorer.store.bytesPerState
        switch explorer.ending {
        case .complete: self.ending = .complete
        case .stateLimit: self.ending = .stateLimit
        case .memoryLimit: self.ending = .memoryLimit
        }
        self.reached = explorer.reached
        self.outcomes = Set(explorer.outcomes.keys)
        for index in 0..<explorer.store.count {
            let luck = Luck.total(explorer.store.price(at: index))
            while self.statesByLuck.count <= luck {
                self.statesByLuck.append(0)
            }
            self.statesByLuck[luck] += 1
        }
        self.statesByStep = explorer.statesByStep
        for (property, violation) in explorer.violations {
            self.violations[property] = TraceBuilder(explorer).trace(of: violation)
        }
    }

    /// The steps with the most states, those with the most first.
    package func crowdedSteps(_ limit: Int) -> [(step: StepName, states: Int)] {
        self.statesByStep.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(limit).map { ($0.key, $0.value) }
    }

    package var isComplete: Bool {
        self.ending == .complete
    }

    package mutating func join(_ other: Exploration) {
        self.states += other.states
        self.transitions += other.transitions
        self.desks += other.desks
        self.worlds += other.worlds
        self.machineSteps += other.machineSteps
        self.bytesPerState = max(self.bytesPerState, other.bytesPerState)
        if self.ending == .complete {
            self.ending = other.ending
        }
        for (luck, count) in other.statesByLuck.enumerated() {
            while self.statesByLuck.count <= luck {
                self.statesByLuck.append(0)
            }
            self.statesByLuck[luck] += count
        }
        self.statesByStep.merge(other.statesByStep) { $0 + $1 }
        self.reached.formUnion(other.reached)
        self.outcomes.formUnion(other.outcomes)
        self.violations.merge(other.violations) { mine, theirs in theirs.weight < mine.weight ? theirs : mine }
    }
}

extension Explorer {
    /// How many states there are with each step under way, the innermost one.
    fileprivate var statesByStep: [StepName: Int] {
        var counts = [Int](repeating: 0, count: self.desks.count)
        for index in 0..<self.store.count {
            counts[Int(self.store.key(at: index).desk)] += 1
        }
        var byStep: [StepName: Int] = [:]
        for (desk, count) in zip(self.desks, counts) {
            if let step = desk.machine.stepsUnderWay.last?.step {
                byStep[step, default: 0] += count
            }
        }
        return byStep
    }
}
