// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A regular expression in the syntax of RE2, as `matches` uses it.
///
/// Searching takes time in proportion to the text times the pattern, whatever both are: all ways through
/// the pattern are walked at once, one character after the other, and nothing is ever tried again.
struct CELPattern: Sendable {
    /// One way on, or a place where it splits.
    enum Instruction: Sendable {
        case character(Unicode.Scalar)
        case anyCharacter
        case set(CELScalarSet)
        /// Goes on behind the next instruction and at the other one.
        case split(Int)
        case jump(Int)
        case assert(Assertion)
        case matched
    }

    /// A condition between two characters.
    enum Assertion: Sendable {
        case textStart
        case textEnd
        case lineStart
        case lineEnd
        case wordBoundary
        case noWordBoundary
    }

    /// Why a text is no pattern.
    struct Problem: Error, Hashable, Sendable {
        /// Lower case, no full stop.
        let message: String
        /// UTF-8 byte offsets into the pattern.
        let range: Range<Int>
    }

    let instructions: [Instruction]
    /// Whether a match can begin only where the text does.
    let isAnchored: Bool

    init(_ text: String) throws(Problem) {
        let count = text.utf8.count
        guard count <= CELLimits.patternBytes else {
            throw Problem(
                message: "the pattern has \(count) bytes, and \(CELLimits.patternBytes) is the most",
                range: 0..<count
            )
        }
        var parser = CELPatternParser(text)
        let tree = try parser.parse()
        guard tree.size <= CELLimits.patternInstructions else {
            throw Problem(
                message: "the pattern is too large; its repetitions multiply",
                range: 0..<count
            )
        }
        var compiler = CELPatternCompiler()
        compiler.add(tree)
        compiler.instructions.append(.matched)
        self.instructions = compiler.instructions
        self.isAnchored = tree.beginsAtTextStart
    }
}

/// What a pattern is made of.
indirect enum CELPatternTree: Sendable {
    case empty
    case character(Unicode.Scalar)
    case anyCharacter
    case set(CELScalarSet)
    case assertion(CELPattern.Assertion)
    case sequence([CELPatternTree])
    case choice([CELPatternTree])
    /// At least `least` times; without a `most`, as often as possible.
    case repetition(CELPatternTree, least: Int, most: Int?)

    /// How many instructions it becomes, or more than any limit.
    var size: Int {
        switch self {
        case .empty: return 0
        case .character, .anyCharacter, .set, .assertion: return 1
        case .sequence(let parts): return Self.sum(parts.map(\.size))
        case .choice(let parts): return Self.sum(parts.map { $0.size + 2 })
        case .repetition(let part, let least, let most):
            let times = max(least, most ?? least + 1)
            let (product, overflowed) = (part.size + 2).multipliedReportingOverflow(by: times)
            return overflowed ? Self.tooLarge : min(product, Self.tooLarge)
        }
    }

    private static let tooLarge = CELLimits.patternInstructions + 1

    private static func sum(_ sizes: [Int]) -> Int {
        sizes.reduce(0) { min($0 + $1, Self.tooLarge) }
    }

    var beginsAtTextStart: Bool {
        switch self {
        case .assertion(.textStart): true
        case .sequence(let parts): parts.first?.beginsAtTextStart ?? false
        case .choice(let parts): !parts.isEmpty && parts.allSatisfy(\.beginsAtTextStart)
        default: false
        }
    }
}

/// Turns the tree into instructions, in Thompson's way.
struct CELPatternCompiler {
    var instructions: [CELPattern.Instruction] = []

    mutating func add(_ tree: CELPatternTree) {
        switch tree {
        case .empty: return
        case .character(let scalar): self.instructions.append(.character(scalar))
        case .anyCharacter: self.instructions.append(.anyCharacter)
        case .set(let set): self.instructions.append(.set(set))
        case .assertion(let assertion): self.instructions.append(.assert(assertion))
        case .sequence(let parts):
            for part in parts {
                self.add(part)
            }
        case .choice(let parts): self.addChoice(parts)
        case .repetition(let part, let least, let most): self.addRepetition(part, least, most)
        }
    }

    private mutating func addChoice(_ parts: [CELPatternTree]) {
        var exits: [Int] = []
        for (index, part) in parts.enumerated() {
            guard index < parts.count - 1 else {
                self.add(part)
                break
            }
            let split = self.reserve()
            self.add(part)
            exits.append(self.reserve())
            self.instructions[split] = .split(self.instructions.count)
        }
        for exit in exits {
            self.instructions[exit] = .jump(self.instructions.count)
        }
    }

    private mutating func addRepetition(_ part: CELPatternTree, _ least: Int, _ most: Int?) {
        for _ in 0..<least {
            self.add(part)
        }
        guard let most else {
            let split = self.reserve()
            self.add(part)
            self.instructions.append(.jump(split))
            self.instructions[split] = .split(self.instructions.count)
            return
        }
        var splits: [Int] = []
        for _ in least..<max(least, most) {
            splits.append(self.reserve())
            self.add(part)
        }
        for split in splits {
            self.instructions[split] = .split(self.instructions.count)
        }
    }

    /// A place that is filled in once its target is known.
    private mutating func reserve() -> Int {
        self.instructions.append(.matched)
        return self.instructions.count - 1
    }
}
