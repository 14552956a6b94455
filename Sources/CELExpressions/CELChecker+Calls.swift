// Selfheal
// SPDX-License-Identifier: Apache-2.0

extension CELChecker {
    mutating func type(of call: CELCall, in node: CELNode) -> CELType {
        if let pattern = call.arguments.last, call.name == "matches" {
            self.checkPattern(pattern)
        }
        let receiver = call.receiver.map { self.typeOfReceiver($0, of: call) }
        let arguments = call.arguments.map { self.type(of: $0) }
        let all = (receiver.map { [$0] } ?? []) + arguments
        let known = self.overloads(named: call.name)
        let overloads = known.filter { $0.isMethod == (receiver != nil) }
        guard !overloads.isEmpty else {
            return self.reportUnknown(call, receiver, known)
        }
        let fitting = overloads.filter { $0.takes(count: all.count) }
        guard !fitting.isEmpty else {
            return self.reportCount(call, overloads)
        }
        var result: CELType?
        for overload in fitting {
            guard let type = overload.result(for: all) else {
                continue
            }
            result = result.map { $0 == type ? type : all.contains(where: \.isSpoiled) ? .error : .dyn } ?? type
        }
        return result ?? self.reportTypes(call, receiver, arguments, fitting)
    }

    /// `math` in `math.greates(1)` is no variable; saying so would hide the real mistake.
    private mutating func typeOfReceiver(_ receiver: CELNode, of call: CELCall) -> CELType {
        if case .global(let name) = receiver.kind, self.environment.variables[name] == nil {
            let prefix = name + "."
            let siblings = CELStandardFunction.names.filter { $0.hasPrefix(prefix) }
            if !siblings.isEmpty {
                return self.report(
                    .unknownFunction,
                    "unknown function '\(prefix)\(call.name)'",
                    at: receiver.range.lowerBound..<call.nameRange.upperBound,
                    help: "there is \(siblings.prefix(4).map { "'\($0)'" }.joined(separator: ", "))",
                    slip: Suggestion.slip(for: prefix + call.name, among: siblings)
                )
            }
        }
        return self.type(of: receiver)
    }

    private func overloads(named name: String) -> [CELFunctionDeclaration] {
        let standard = CELStandardFunction.overloads(named: name)
        return standard.isEmpty ? self.environment.functions.filter { $0.name == name } : standard
    }

    private mutating func reportUnknown(
        _ call: CELCall,
        _ receiver: CELType?,
        _ otherStyle: [CELFunctionDeclaration]
    ) -> CELType {
        if receiver == .error {
            return .error
        }
        if CELMacro.Name(rawValue: call.name) != nil, receiver == nil {
            return self.report(
                .unknownFunction,
                "'\(call.name)' is called on a list",
                at: call.nameRange,
                help: "write list.\(call.name)(x, …)"
            )
        }
        if let other = otherStyle.first {
            let help = other.isMethod ? "write \(other.parameters[0]).\(other.name)(…)" : "write \(other.name)(…)"
            let style = other.isMethod ? "a method" : "a function"
            return self.report(.unknownFunction, "'\(call.name)' is \(style)", at: call.nameRange, help: help)
        }
        let isNamespaced = call.name.contains(".")
        let names = CELStandardFunction.names.filter { isNamespaced || !$0.contains(".") }
        return self.report(
            .unknownFunction,
            "unknown function '\(call.name)'",
            at: call.nameRange,
            slip: Suggestion.slip(for: call.name, among: names + self.environment.functions.map(\.name).sorted())
        )
    }

    private mutating func reportCount(_ call: CELCall, _ overloads: [CELFunctionDeclaration]) -> CELType {
        let counts = Set(overloads.map(\.argumentTypes.count)).sorted()
        let wanted = counts.map { "\($0)" }.joined(separator: " or ")
        let noun = counts == [1] ? "argument" : "arguments"
        let first = call.arguments.first?.range.lowerBound
        let last = call.arguments.last?.range.upperBound
        let range = first.flatMap { start in last.map { start..<$0 } }
        return self.report(
            .wrongArguments,
            "'\(call.name)' takes \(wanted == "0" ? "no" : wanted) \(noun), not \(call.arguments.count)",
            at: range ?? call.nameRange
        )
    }

    private mutating func reportTypes(
        _ call: CELCall,
        _ receiver: CELType?,
        _ arguments: [CELType],
        _ overloads: [CELFunctionDeclaration]
    ) -> CELType {
        var seen: [String] = []
        for overload in overloads where !seen.contains(overload.description) {
            seen.append(overload.description)
        }
        let help = "there is \(seen.prefix(4).joined(separator: ", "))\(seen.count > 4 ? ", …" : "")"
        // If the receiver alone rules everything out, the arguments are not to blame.
        if let receiver, overloads.allSatisfy({ !$0.takes(receiver: receiver) }) {
            return self.report(
                .wrongArguments,
                "'\(call.name)' cannot be called on \(receiver.resolved)",
                at: call.nameRange,
                help: help
            )
        }
        let types = arguments.map(\.resolved.description).joined(separator: ", ")
        let range = call.arguments.count == 1 ? call.arguments[0].range : call.nameRange
        return self.report(
            .wrongArguments,
            "'\(call.name)' cannot be applied to (\(types))",
            at: range,
            help: help
        )
    }
}

extension CELFunctionDeclaration {
    /// Counted with the receiver.
    func takes(count: Int) -> Bool {
        self.isVariadic ? count >= self.parameters.count : count == self.parameters.count
    }

    func takes(receiver: CELType) -> Bool {
        var bindings = Bindings()
        return bindings.bind(self.parameters[0], to: receiver)
    }

    /// The type of the result for these arguments, or `nil` if they do not fit.
    func result(for arguments: [CELType]) -> CELType? {
        var bindings = Bindings()
        for (index, argument) in arguments.enumerated() {
            let parameter = self.parameters[min(index, self.parameters.count - 1)]
            guard bindings.bind(parameter, to: argument) else {
                return nil
            }
        }
        return bindings.substitute(in: self.result)
    }

    /// What the type parameters of one call stand for.
    private struct Bindings {
        private var types: [String: CELType] = [:]

        mutating func bind(_ parameter: CELType, to type: CELType) -> Bool {
            switch (parameter, type) {
            case (.parameter(let name), _):
                return self.bind(name, to: type)
            case (.list(let parameter), .list(let type)):
                return self.bind(parameter, to: type)
            case (.optional(let parameter), .optional(let type)):
                return self.bind(parameter, to: type)
            case (.map(let keyParameter, let valueParameter), .map(let key, let value)):
                return self.bind(keyParameter, to: key) && self.bind(valueParameter, to: value)
            default:
                return type.fits(parameter)
            }
        }

        private mutating func bind(_ name: String, to type: CELType) -> Bool {
            let isAllowed =
                switch name.first {
                case "N": type.isNumber
                case "O": type.isOrdered
                case "R": type.isRecord
                default: true
                }
            guard isAllowed else {
                return false
            }
            guard let bound = self.types[name] else {
                self.types[name] = type
                return true
            }
            if let joined = bound.joined(with: type) {
                self.types[name] = joined
                return true
            }
            // Numbers of different kinds may be mixed in one call, and then the result is one of them.
            self.types[name] = .dyn
            return name.first == "N"
        }

        func substitute(in type: CELType) -> CELType {
            switch type {
            case .parameter(let name): self.types[name] ?? .dyn
            case .list(let element): .list(self.substitute(in: element))
            case .map(let key, let value): .map(self.substitute(in: key), self.substitute(in: value))
            case .optional(let value): .optional(self.substitute(in: value))
            default: type
            }
        }
    }
}
