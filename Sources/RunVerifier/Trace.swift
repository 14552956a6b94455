// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
import RunPlan
package import RunVocabulary

/// The way to a violation, carried out again from its beginning.
package struct Trace: Sendable {
    package struct Line: Hashable, Sendable {
        package var at: Instant
        /// Of the runbook; nothing for what happens in the world.
        package var line: Int?
        package var text: String
        /// Whether it counts as bad luck.
        package var isBadLuck = false
        /// Lines of the lowest importance are left out first.
        var importance = 1
    }

    package var lines: [Line]
    package var violation: String
    package var luck: Luck
    /// The states of the plan that were walked through, for a drawing.
    package var path: [StepName]
    /// Whether a fresh machine, given the same events, was at every step what the search had it to be.
    package var isFaithful: Bool
    /// Whether the replay ended in the same finding.
    package var isConfirmed: Bool
    private var length: Int

    /// A trace is at most so many lines, the violation included.
    package static let lineLimit = 15

    init(
        lines: [Line],
        violation: String,
        luck: Luck,
        path: [StepName],
        isFaithful: Bool,
        isConfirmed: Bool,
        length: Int
    ) {
        self.lines = Self.shortened(lines)
        self.violation = violation
        self.luck = luck
        self.path = path
        self.isFaithful = isFaithful
        self.isConfirmed = isConfirmed
        self.length = length
    }

    /// Less is better: bad luck first, then length.
    var weight: Int {
        self.luck.total << 20 | self.length
    }

    /// Leaves out the least important lines, the earliest first, and says so.
    private static func shortened(_ lines: [Line]) -> [Line] {
        var kept = lines
        var isCut = false
        for importance in 0...2 {
            var index = 0
            while kept.count > self.lineLimit - 2, index < kept.count {
                if kept[index].importance <= importance {
                    kept.remove(at: index)
                    isCut = true
                } else {
                    index += 1
                }
            }
        }
        let limit = self.lineLimit - 2
        if kept.count > limit {
            kept.removeFirst(kept.count - limit)
        }
        if isCut, let first = kept.first {
            kept.insert(
                Line(at: first.at, line: nil, text: "(\(lines.count - kept.count) lesser lines are left out)"),
                at: 0
            )
        }
        return kept
    }
}

/// Walks back to the beginning of a violation and carries it out again on a fresh run.
struct TraceBuilder {
    private let explorer: Explorer

    init(_ explorer: Explorer) {
        self.explorer = explorer
    }

    /// The states on the way to this one, itself the last, and at each the choice that leads on; nothing is chosen at the last.
    private func way(to state: Int) -> (states: [Int], choices: [Int]) {
        var states = [state]
        var choices: [Int] = []
        while let last = states.last {
            let (parent, choice) = self.explorer.store.origin(of: last)
            guard parent != last else {
                break
            }
            states.append(parent)
            choices.append(choice)
        }
        return (states.reversed(), choices.reversed())
    }

    /// Whether a fresh machine is at every state of the way what the search had it to be.
    func isFaithful(to state: Int) -> Bool {
        let (states, choices) = self.way(to: state)
        var replay = TraceReplay(self.explorer, world: self.explorer.world(of: states[0]))
        for (state, choice) in zip(states, choices) {
            replay.compare(with: state)
            let moves = self.explorer.moves(of: state)
            guard moves.indices.contains(choice) else {
                return false
            }
            replay.follow(moves[choice].move)
        }
        replay.compare(with: state)
        return replay.isFaithful
    }

    func trace(of violation: Explorer.Violation) -> Trace {
        let (states, before) = self.way(to: violation.state)
        let choices = before + [violation.choice]
        var replay = TraceReplay(self.explorer, world: self.explorer.world(of: states[0]))
        var luck = Luck()
        for (state, choice) in zip(states, choices) {
            replay.compare(with: state)
            let moves = self.explorer.moves(of: state)
            guard moves.indices.contains(choice) else {
                break
            }
            luck = moves[choice].luck
            replay.follow(moves[choice].move)
        }
        let isConfirmed =
            violation.property == .everyPathEnds
            || replay.findings.contains { $0.property == violation.property && $0.text == violation.text }
        return Trace(
            lines: replay.lines,
            violation: violation.text,
            luck: luck,
            path: replay.path,
            isFaithful: replay.isFaithful,
            isConfirmed: isConfirmed,
            length: states.count
        )
    }
}

extension Verification {
    /// The proof that looking steps up is as good as taking them: ways of the search, walked again by a fresh machine in a fresh world.
    ///
    /// - Parameter stride: the ways to every so many states are walked.
    /// - Returns: how many ways were walked, and how many of them came by a state that was not what the search had it to be.
    package func walkedAgain(every stride: Int) -> (ways: Int, differing: Int) {
        let explorer = self.explored()
        let builder = TraceBuilder(explorer)
        var (ways, differing) = (0, 0)
        for state in Swift.stride(from: 0, to: explorer.store.count, by: stride) {
            ways += 1
            differing += builder.isFaithful(to: state) ? 0 : 1
        }
        return (ways, differing)
    }
}

/// A run and a world, moved together as the search moved them, without any of its tables.
struct TraceReplay {
    private let explorer: Explorer
    private var desk: Desk
    private var world: AbstractWorld
    private(set) var lines: [Trace.Line] = []
    private(set) var path: [StepName] = []
    private(set) var isFaithful = true
    private(set) var findings: [Finding] = []
    /// What stretched deadlines added to the clock.
    private var stretch = Milliseconds.zero

    init(_ explorer: Explorer, world: AbstractWorld) {
        self.explorer = explorer
        self.desk = Desk(explorer.setting.binding)
        self.world = world
        let unwell = explorer.setting.rules.kinds.indices.compactMap {
            explorer.setting.rules.description(of: $0, in: world)
        }
        let text = unwell.isEmpty ? "every node is well" : unwell.joined(separator: "; ")
        self.say("when it begins: \(text)", importance: 5)
    }

    mutating func compare(with state: Int) {
        let isSame = self.explorer.fingerprint(of: self.desk) == self.explorer.fingerprint(of: state)
        self.isFaithful = self.isFaithful && isSame && self.world == self.explorer.world(of: state)
    }

    mutating func follow(_ move: Move) {
        let before = self.world
        self.findings = []
        self.tell(move)
        self.change(by: move)
        self.findings += self.explorer.setting.findings(before, self.world)
        guard !move.isOfTheWorld else {
            return
        }
        if case .began(let ask) = move, case .act(let act) = self.desk.asks[ask] {
            let rules = self.explorer.setting.rules
            self.findings += self.explorer.setting.properties.truthFindings(act, self.desk.machine, rules, self.world)
        }
        let event = EventMaker(rules: self.explorer.setting.rules, oracle: self.explorer.setting.oracle).event(
            for: move,
            at: self.desk,
            before
        )
        let earlier = self.desk.now
        do {
            try self.desk.handle(event, self.explorer.setting.properties)
        } catch {
            self.isFaithful = false
        }
        if case .deadline = move {
            self.stretch = self.stretch + self.desk.now.elapsed(since: earlier)
        }
        self.findings += self.desk.findings
        for note in self.desk.notes {
            self.tell(note)
        }
    }

    /// What the move does to the world.
    private mutating func change(by move: Move) {
        let rules = self.explorer.setting.rules
        switch move {
        case .fault(let fault, let node): rules.strike(fault, at: node, in: &self.world)
        case .progress(let progress): rules.happen(progress, in: &self.world)
        case .ended(let ask, let ending):
            if ending.takesEffect, let act = self.desk.asks[ask].act,
                let node = act.target.flatMap({ rules.index(of: $0) })
            {
                rules.complete(act.effectClass, at: node, in: &self.world)
            }
        case .started, .resumed, .cancelled, .answer, .began, .granted, .denied, .told, .timer, .limit, .deadline,
            .settled:
            break
        }
    }

    // MARK: Words

    private mutating func say(_ text: String, line: Int? = nil, importance: Int, isBadLuck: Bool = false) {
        let moment = Instant(milliseconds: self.desk.now.milliseconds - self.stretch.count)
        self.lines.append(
            Trace.Line(at: moment, line: line, text: text, isBadLuck: isBadLuck, importance: importance)
        )
    }

    private func line(of key: StepKey) -> Int? {
        self.explorer.setting.properties.places[key.step]?.line
    }

    private mutating func tell(_ move: Move) {
        switch move {
        case .fault(let fault, let node):
            self.say("\(self.explorer.setting.rules.name(node)) \(fault.text)", importance: 5, isBadLuck: true)
        case .progress(let progress): self.say(self.explorer.setting.rules.text(of: progress), importance: 2)
        case .resumed: self.say("the engine dies, and the run is taken up again", importance: 5, isBadLuck: true)
        case .cancelled: self.say("a person cancels the run", importance: 5, isBadLuck: true)
        case .answer(let ask, let variant, let lie): self.tellAnswer(ask, variant, lie)
        case .began(let ask):
            if case .act(let act) = self.desk.asks[ask] {
                self.say("\(act.words) begins", line: self.line(of: act.step), importance: 4)
            }
        case .ended(let ask, let ending):
            if ending != .done, let act = self.desk.asks[ask].act {
                let isBadLuck = ![.stopped, .unreachable, .neverSent].contains(ending)
                self.say(
                    "\(act.words) \(ending.words)",
                    line: self.line(of: act.step),
                    importance: 5,
                    isBadLuck: isBadLuck
                )
            }
        case .granted: self.say("a person approves", line: self.openLine, importance: 4)
        case .denied: self.say("a person says no", line: self.openLine, importance: 4)
        case .told(_, let isDelivered):
            if !isDelivered {
                self.say("the notice gets lost", importance: 5, isBadLuck: true)
            }
        case .timer:
            if !self.desk.machine.openGates.isEmpty {
                self.say("nobody answers in time", line: self.openLine, importance: 4)
            }
        case .limit: self.say("its time is up", line: self.openLine, importance: 3)
        case .deadline(let index):
            let step = self.desk.machine.clocks.deadlines[index].step
            let whose = step.map { "the deadline of '\($0)'" } ?? "the run's deadline"
            self.say("\(whose) passes", line: step.flatMap { self.line(of: $0) }, importance: 5)
        case .settled(_, let happened):
            self.say("a person settles that it \(happened ? "happened" : "did not happen")", importance: 4)
        case .started: break
        }
    }

    private var openLine: Int? {
        self.desk.machine.stepsUnderWay.last.flatMap { self.line(of: $0) }
    }

    private mutating func tellAnswer(_ ask: Int, _ variant: Int, _ lie: Move.Lie?) {
        let (rules, oracle) = (self.explorer.setting.rules, self.explorer.setting.oracle)
        var targets: [NodeName] = []
        if case .observe(_, let nodes) = self.desk.asks[ask] {
            targets = nodes
        }
        if case .look(_, let order) = self.desk.asks[ask] {
            targets = order.targets
            let options = oracle.options(for: order.question)
            var rest = variant
            let words = (targets.isEmpty ? ["it"] : targets.map(\.text)).map { name in
                defer { rest /= options }
                return "\(name): \(oracle.text(rest % options, for: order.question))"
            }
            if options > 1 {
                self.say(words.joined(separator: ", "), line: self.openLine, importance: 3)
            }
        }
        if let lie, let index = rules.index(of: targets[lie.target]) {
            let guise = rules.guises(of: index, in: self.world)[lie.guise].text
            let text = "wrongly seen: \(targets[lie.target]) \(guise)"
            self.say(text, line: self.openLine, importance: 5, isBadLuck: true)
        }
    }

    private mutating func tell(_ note: RunNote) {
        switch note {
        case .entered(let key, let verb, _):
            self.path.append(key.step)
            let importance = ["notify", "set", "finish", "choose", "pause"].contains(verb) ? 0 : 1
            self.say("\(verb) '\(key)'", line: self.line(of: key), importance: importance)
        case .left(let key, let outcome, let reason) where ![.succeeded, .skipped].contains(outcome):
            let why = reason.map { ": \($0.prefix(120))" } ?? ""
            self.say("'\(key)' \(outcome.rawValue)\(why)", line: self.line(of: key), importance: 3)
        case .left(let key, .skipped, _): self.say("'\(key)' is skipped", line: self.line(of: key), importance: 1)
        case .left, .targetEnded, .retrying, .waiting, .halted, .chose, .voteCounted, .inDoubt, .stopping, .ignored:
            break
        }
    }
}

extension Desk.Ask {
    var act: Act? {
        switch self {
        case .act(let act), .running(let act, _), .inquiry(let act, _): act
        case .look, .observe, .gate, .notice: nil
        }
    }
}

extension Act {
    fileprivate var words: String {
        "'\(self.summary)' on \(self.target?.text ?? "the engine's machine")"
    }
}

extension Move.Ending {
    fileprivate var words: String {
        switch self {
        case .done: "is done"
        case .failed: "fails with exit status 1"
        case .timedOut: "hangs until its time is up"
        case .timedOutAfterwards: "is carried out, and hangs until its time is up"
        case .doubtfulAndDone: "is carried out, and nobody hears of it"
        case .doubtful: "is not carried out, and nobody hears of it"
        case .unreachable: "is not sent: the host cannot be reached"
        case .stopped: "is stopped"
        case .neverSent: "was never sent"
        }
    }
}

extension WorldRules.Fault {
    fileprivate var text: String {
        switch self {
        case .dies: "dies"
        case .losesItsData: "dies and loses its data"
        case .isCutOff: "is cut off"
        case .isBack: "can be reached again"
        case .isStartedByOthers: "is started by somebody else"
        }
    }
}

extension WorldRules {
    func text(of progress: Progress) -> String {
        switch progress {
        case .starts(let index): "\(self.name(index)) has started"
        case .election: "the members that run elect a leader"
        case .joins(let index): "\(self.name(index)) joins the leader"
        case .catchesUp(let index): "\(self.name(index)) has caught up"
        }
    }

    /// Nothing for a node that is well.
    func description(of index: Int, in world: AbstractWorld) -> String? {
        let node = world[index]
        if node.isCut {
            return "\(self.name(index)) is cut off"
        }
        guard node.phase == .down else {
            return nil
        }
        guard self.kinds[index] == .member else {
            return "\(self.name(index)) is down"
        }
        if !node.holdsData {
            return "\(self.name(index)) is down with an empty disk"
        }
        return "\(self.name(index)) is down\(node.content < 2 ? " and behind" : "")"
    }
}
