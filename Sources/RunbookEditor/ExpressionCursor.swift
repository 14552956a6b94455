// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunbookCompiler

/// An expression up to a cursor: what may come next, and of which type what is before the dot.
struct ExpressionCursor {
    /// What is typed of the last word.
    let word: String
    /// What stands before the dot before the word; nothing when there is no dot.
    let receiver: String?
    /// Whether the cursor is inside a quoted text, where no name belongs.
    let isInText: Bool

    private let text: String
    private let environment: (CELExpression) -> CELEnvironment

    /// The environment is asked for the names at the place that an expression needs.
    init(text: String, environment: @escaping (CELExpression) -> CELEnvironment) {
        self.environment = environment
        let characters = Array(text)
        var start = characters.count
        while start > 0, Self.isWord(characters[start - 1]) { start -= 1 }
        self.word = String(characters[start...])
        self.text = String(characters[..<start])
        self.isInText = Self.openQuote(in: characters) != nil
        if start > 0, characters[start - 1] == "." {
            self.receiver = Self.chain(endingAt: start - 1, in: characters)
        } else {
            self.receiver = nil
        }
    }

    /// The type of what is before the dot.
    var receiverType: CELType? {
        self.receiver.flatMap { self.type(of: $0, locals: self.locals) }
    }

    /// The variables of the macros around the cursor, with their types.
    var locals: [(name: String, type: CELType)] {
        var locals: [(name: String, type: CELType)] = []
        let characters = Array(self.text)
        for open in Self.openParentheses(in: characters) {
            var name = open
            while name > 0, Self.isWord(characters[name - 1]) { name -= 1 }
            let macro = String(characters[name..<open])
            guard CELMacro.Name(rawValue: macro) != nil, name > 0, characters[name - 1] == "." else {
                continue
            }
            let variable = String(characters[(open + 1)...].prefix { $0 != "," && $0 != ")" }.filter { $0 != " " })
            let receiver = Self.chain(endingAt: name - 1, in: characters)
            guard !variable.isEmpty, characters[(open + 1)...].contains(",") else {
                continue
            }
            var element = CELType.dyn
            switch self.type(of: receiver, locals: locals) {
            case .list(let type): element = type
            case .map(let key, _): element = key
            default: break
            }
            locals.append((variable, element))
        }
        return locals
    }

    func type(of text: String, locals: [(name: String, type: CELType)]) -> CELType? {
        guard let expression = CELExpression.parse(text).0 else {
            return nil
        }
        var environment = self.environment(expression)
        for local in locals {
            environment.variables[local.name] = local.type
        }
        let (type, problems) = expression.check(in: environment)
        return problems.isEmpty ? type : nil
    }

    // MARK: Text

    private static func isWord(_ character: Character) -> Bool {
        character == "_" || character.isASCII && (character.isLetter || character.isNumber)
    }

    private static func openQuote(in characters: [Character]) -> Character? {
        var quote: Character?
        var isEscaped = false
        for character in characters {
            if let open = quote {
                quote = character == open && !isEscaped ? nil : open
                isEscaped = character == "\\" && !isEscaped
            } else if character == "'" || character == "\"" {
                quote = character
                isEscaped = false
            }
        }
        return quote
    }

    /// The places of the parentheses that nothing closes, from the outside.
    private static func openParentheses(in characters: [Character]) -> [Int] {
        var open: [Int] = []
        var quote: Character?
        for (index, character) in characters.enumerated() {
            if quote != nil {
                quote = character == quote ? nil : quote
                continue
            }
            switch character {
            case "'", "\"": quote = character
            case "(": open.append(index)
            case ")": _ = open.popLast()
            default: break
            }
        }
        return open
    }

    /// The names, calls and indices in a row that end before `end`.
    private static func chain(endingAt end: Int, in characters: [Character]) -> String {
        var start = end
        var isBehindDot = true
        while start > 0 {
            // A chain may go on in the next line, before its dot.
            while isBehindDot, start > 0, characters[start - 1].isWhitespace { start -= 1 }
            guard start > 0 else {
                break
            }
            isBehindDot = characters[start - 1] == "."
            let character = characters[start - 1]
            if Self.isWord(character) || character == "." {
                start -= 1
            } else if character == ")" || character == "]" {
                guard let open = Self.opening(before: start - 1, in: characters) else {
                    break
                }
                start = open
            } else {
                break
            }
        }
        return String(characters[start..<end])
    }

    private static func opening(before close: Int, in characters: [Character]) -> Int? {
        var depth = 0
        var quote: Character?
        var index = close
        while index >= 0 {
            let character = characters[index]
            if let open = quote {
                quote = character == open ? nil : open
            } else {
                switch character {
                case "'", "\"": quote = character
                case ")", "]", "}": depth += 1
                case "(", "[", "{":
                    depth -= 1
                    if depth == 0 {
                        return index
                    }
                default: break
                }
            }
            index -= 1
        }
        return nil
    }
}

extension CELExpression {
    /// The smallest part of the expression at a byte, with the variables of the macros around it.
    func part(at offset: Int) -> (node: CELNode, macros: [CELMacro]) {
        var (node, macros) = (self.root, [CELMacro]())
        search: while true {
            for child in node.children where child.range.lowerBound <= offset && offset < child.range.upperBound {
                if case .macro(let macro) = node.kind, child !== macro.target {
                    macros.append(macro)
                }
                node = child
                continue search
            }
            return (node, macros)
        }
    }
}
