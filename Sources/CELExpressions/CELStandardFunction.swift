// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What is left to spend on an evaluation.
struct CELCost {
    private(set) var remaining: Int
    private let limit: Int

    init(limit: Int) {
        self.remaining = limit
        self.limit = limit
    }

    mutating func spend(_ amount: Int) throws(CELEvaluationError) {
        self.remaining -= amount
        if self.remaining < 0 {
            throw CELEvaluationError(
                .costExceeded,
                "the evaluation was stopped because it costs more than \(self.limit)",
                help: "filter early, and avoid macros inside macros"
            )
        }
    }

    /// For text and bytes that are read or made.
    mutating func spend(bytes: Int) throws(CELEvaluationError) {
        try self.spend(bytes / 16)
    }
}

/// A function that every environment has: its overloads and what it does, side by side.
struct CELStandardFunction: Sendable {
    /// Gets the receiver first; `nil` means that no overload fits.
    typealias Body = @Sendable ([CELValue], inout CELCost) throws(CELEvaluationError) -> CELValue?

    let overloads: [CELFunctionDeclaration]
    /// Whether the body deals with unknown values, intervals and partial lists itself.
    let takesUncertain: Bool
    let body: Body

    init(_ overloads: [CELFunctionDeclaration], takesUncertain: Bool = false, _ body: @escaping Body) {
        self.overloads = overloads
        self.takesUncertain = takesUncertain
        self.body = body
    }

    static func named(_ name: String, isMethod: Bool) -> CELStandardFunction? {
        isMethod ? self.methods[name] : self.functions[name]
    }

    /// All overloads under a name, of both styles.
    static func overloads(named name: String) -> [CELFunctionDeclaration] {
        self.overloads[name] ?? []
    }

    /// Sorted.
    static let names: [String] = Set(
        all.flatMap { $0.overloads.map(\.name) } + CELMacro.Name.allCases.map(\.rawValue) + ["has"]
    ).sorted()

    private static let all: [CELStandardFunction] =
        conversions + times + strings + patterns + formatting + lists + numbers + bits + optionals

    private static let overloads: [String: [CELFunctionDeclaration]] = Dictionary(
        grouping: all.flatMap(\.overloads),
        by: \.name
    )

    private static let functions = index(isMethod: false)
    private static let methods = index(isMethod: true)

    /// Whether some function with dots in its name ends with this word, as `math.greatest` does.
    static func isNamespaced(_ word: String) -> Bool {
        self.lastWords.contains(word)
    }

    private static let lastWords = Set(
        functions.keys.compactMap { name in
            name.contains(".") ? name.split(separator: ".").last.map { String($0) } : nil
        }
    )

    private static func index(isMethod: Bool) -> [String: CELStandardFunction] {
        var result: [String: CELStandardFunction] = [:]
        for function in self.all {
            for overload in function.overloads where overload.isMethod == isMethod {
                result[overload.name] = function
            }
        }
        return result
    }
}

extension CELEvaluationError {
    static func overflow(_ what: String) -> Self {
        Self(.overflow, what)
    }
}
