// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The arrows between the states of one region.
///
/// Every question is answered in time that grows with the arrows, because generated runbooks have ten thousand steps.
struct StateGraph {
    private let arrows: [[Int]]

    init(_ arrows: [[Int]]) {
        self.arrows = arrows
    }

    /// The states that can be come to from `start`, itself included.
    func reachable(from start: Int) -> Set<Int> {
        var reached: Set<Int> = []
        var waiting = [start]
        while let index = waiting.popLast() {
            guard reached.insert(index).inserted else {
                continue
            }
            waiting += self.arrows[index]
        }
        return reached
    }

    /// The states from which one of `goals` can be come to, the goals included.
    func leading(to goals: [Int]) -> Set<Int> {
        var reversed = [[Int]](repeating: [], count: self.arrows.count)
        for (index, destinations) in self.arrows.enumerated() {
            for destination in destinations {
                reversed[destination].append(index)
            }
        }
        var found: Set<Int> = []
        var waiting = goals
        while let index = waiting.popLast() {
            guard found.insert(index).inserted else {
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
        var search = CycleSearch(count: self.arrows.count)
        for start in self.arrows.indices where !isLeftOut(start) && !search.hasVisited(start) {
            search.enter(start)
            while let (state, next) = search.top {
                if next < self.arrows[state].count {
                    search.advance()
                    let destination = self.arrows[state][next]
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
