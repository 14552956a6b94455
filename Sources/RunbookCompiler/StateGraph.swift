// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The arrows between the states of one region.
///
/// Every question is answered in time that grows with the arrows, because generated runbooks have ten thousand steps.
struct StateGraph {
    /// The destinations of all states, those of one behind those of the one before.
    private var destinations: [Int32] = []
    /// Where those of each state begin.
    private var starts: [Int32] = [0]

    init(count: Int, _ arrows: (Int) -> [Int]) {
        self.destinations.reserveCapacity(count * 2)
        self.starts.reserveCapacity(count + 1)
        for index in 0..<count {
            for destination in arrows(index) {
                self.destinations.append(Int32(destination))
            }
            self.starts.append(Int32(self.destinations.count))
        }
    }

    init(_ arrows: [[Int]]) {
        self.init(count: arrows.count) { arrows[$0] }
    }

    var count: Int { self.starts.count - 1 }

    func destinationCount(_ state: Int) -> Int {
        Int(self.starts[state + 1] - self.starts[state])
    }

    func destination(_ state: Int, _ number: Int) -> Int {
        Int(self.destinations[Int(self.starts[state]) + number])
    }

    func leads(from state: Int, to destination: Int) -> Bool {
        (0..<self.destinationCount(state)).contains { self.destination(state, $0) == destination }
    }

    /// The states that can be come to from `start`, itself included.
    func reachable(from start: Int) -> StateSet {
        var reached = StateSet(count: self.count)
        var waiting = [start]
        while let index = waiting.popLast() {
            guard reached.insert(index) else {
                continue
            }
            for number in 0..<self.destinationCount(index) {
                waiting.append(self.destination(index, number))
            }
        }
        return reached
    }

    /// The states from which one of `goals` can be come to, the goals included.
    func leading(to goals: [Int]) -> StateSet {
        var reversed = [[Int]](repeating: [], count: self.count)
        for index in 0..<self.count {
            for number in 0..<self.destinationCount(index) {
                reversed[self.destination(index, number)].append(index)
            }
        }
        var found = StateSet(count: self.count)
        var waiting = goals
        while let index = waiting.popLast() {
            guard found.insert(index) else {
                continue
            }
            waiting += reversed[index]
        }
        return found
    }

    /// For every state the number of its cycle: two states share a number if each can be come to from the other.
    ///
    /// Tarjan's algorithm with a stack of its own, so that a long list of steps does not exhaust the thread's.
    func cycles(leavingOut isLeftOut: (Int) -> Bool = { _ in false }) -> [Int] {
        var search = CycleSearch(count: self.count)
        for start in 0..<self.count where !isLeftOut(start) && !search.hasVisited(start) {
            search.enter(start)
            while let (state, next) = search.top {
                if next < self.destinationCount(state) {
                    search.advance()
                    let destination = self.destination(state, next)
                    if !isLeftOut(destination) {
                        search.follow(destination)
                    }
                } else {
                    search.leave()
                }
            }
        }
        return search.numbers
    }
}

/// Some of the states of a region.
struct StateSet {
    private var members: [Bool]

    init(count: Int) {
        self.members = Array(repeating: false, count: count)
    }

    func contains(_ state: Int) -> Bool { self.members[state] }

    /// - Returns: whether it was no member before.
    mutating func insert(_ state: Int) -> Bool {
        defer { self.members[state] = true }
        return !self.members[state]
    }

    /// The members, in order.
    var states: [Int] { self.members.indices.filter { self.members[$0] } }
}

private struct CycleSearch {
    private(set) var numbers: [Int]
    private var order: [Int]
    private var lowest: [Int]
    private var open: [Int] = []
    private var isOpen: [Bool]
    private var path: [(state: Int, next: Int)] = []
    private var counter = 0
    private var cycleCount = 0

    init(count: Int) {
        self.numbers = Array(repeating: -1, count: count)
        self.order = Array(repeating: -1, count: count)
        self.lowest = Array(repeating: 0, count: count)
        self.isOpen = Array(repeating: false, count: count)
    }

    /// The state under way and which of its arrows is next.
    var top: (state: Int, next: Int)? {
        self.path.last
    }

    func hasVisited(_ state: Int) -> Bool {
        self.order[state] >= 0
    }

    mutating func enter(_ state: Int) {
        self.order[state] = self.counter
        self.lowest[state] = self.counter
        self.counter += 1
        self.open.append(state)
        self.isOpen[state] = true
        self.path.append((state, 0))
    }

    mutating func advance() {
        self.path[self.path.count - 1].next += 1
    }

    mutating func follow(_ destination: Int) {
        guard self.hasVisited(destination), let state = self.path.last?.state else {
            self.enter(destination)
            return
        }
        if self.isOpen[destination] {
            self.lowest[state] = min(self.lowest[state], self.order[destination])
        }
    }

    mutating func leave() {
        let state = self.path.removeLast().state
        if let parent = self.path.last?.state {
            self.lowest[parent] = min(self.lowest[parent], self.lowest[state])
        }
        guard self.lowest[state] == self.order[state] else {
            return
        }
        while let member = self.open.popLast() {
            self.isOpen[member] = false
            self.numbers[member] = self.cycleCount
            if member == state {
                break
            }
        }
        self.cycleCount += 1
    }
}
