// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELPattern {
    /// Whether the pattern matches anywhere in the text.
    func isFound(in text: String, _ cost: inout CELCost) throws(CELEvaluationError) -> Bool {
        var search = Search(self.instructions)
        var previous: Unicode.Scalar?
        var scalars = text.unicodeScalars.makeIterator()
        var next = scalars.next()
        while true {
            if previous == nil || !self.isAnchored {
                search.enter(0, between: previous, and: next)
            } else if search.isStuck {
                return false
            }
            if search.hasMatched {
                return true
            }
            // A dozen comparisons are about as much work as one node of an expression.
            try cost.spend(1 + search.size / 12)
            guard let scalar = next else {
                return false
            }
            next = scalars.next()
            search.step(over: scalar, next: next)
            previous = scalar
        }
    }

    /// Every place in the pattern that the text so far may lead to.
    private struct Search {
        private let instructions: [Instruction]
        /// Places that wait for a character, each once.
        private var current: [Int] = []
        private var following: [Int] = []
        /// By instruction: the step in which it was last entered.
        private var entered: [Int]
        private var stepNumber = 1
        private var pending: [Int] = []
        private(set) var hasMatched = false

        init(_ instructions: [Instruction]) {
            self.instructions = instructions
            self.entered = Array(repeating: 0, count: instructions.count)
            self.current.reserveCapacity(instructions.count)
            self.following.reserveCapacity(instructions.count)
        }

        var size: Int { self.current.count }

        var isStuck: Bool { self.current.isEmpty && !self.hasMatched }

        /// Follows everything that needs no character.
        mutating func enter(_ start: Int, between previous: Unicode.Scalar?, and next: Unicode.Scalar?) {
            self.pending.append(start)
            while let place = self.pending.popLast() {
                guard self.entered[place] != self.stepNumber else {
                    continue
                }
                self.entered[place] = self.stepNumber
                switch self.instructions[place] {
                case .character, .anyCharacter, .set: self.current.append(place)
                case .jump(let target): self.pending.append(target)
                case .split(let target):
                    self.pending.append(target)
                    self.pending.append(place + 1)
                case .assert(let assertion):
                    if assertion.holds(between: previous, and: next) {
                        self.pending.append(place + 1)
                    }
                case .matched: self.hasMatched = true
                }
            }
        }

        mutating func step(over scalar: Unicode.Scalar, next: Unicode.Scalar?) {
            swap(&self.current, &self.following)
            self.current.removeAll(keepingCapacity: true)
            self.stepNumber += 1
            for index in self.following.indices {
                let place = self.following[index]
                let fits =
                    switch self.instructions[place] {
                    case .character(let wanted): wanted == scalar
                    case .anyCharacter: true
                    case .set(let set): set.contains(scalar)
                    case .split, .jump, .assert, .matched: false
                    }
                if fits {
                    self.enter(place + 1, between: scalar, and: next)
                }
            }
        }
    }
}

extension CELPattern.Assertion {
    func holds(between previous: Unicode.Scalar?, and next: Unicode.Scalar?) -> Bool {
        switch self {
        case .textStart: previous == nil
        case .textEnd: next == nil
        case .lineStart: previous == nil || previous == "\n"
        case .lineEnd: next == nil || next == "\n"
        case .wordBoundary: Self.isWord(previous) != Self.isWord(next)
        case .noWordBoundary: Self.isWord(previous) == Self.isWord(next)
        }
    }

    /// As RE2 has it: ASCII only.
    private static func isWord(_ scalar: Unicode.Scalar?) -> Bool {
        guard let scalar, scalar.isASCII else {
            return false
        }
        return UInt8(ascii: scalar).isIdentifierPart
    }
}
