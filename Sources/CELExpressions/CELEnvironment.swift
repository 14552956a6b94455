// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// What an expression may refer to, and with which types.
package struct CELEnvironment: Hashable, Sendable {
    /// A name with dots, such as `cluster.id`, is one variable and wins over a field of `cluster`.
    package var variables: [String: CELType]
    /// Functions of the host, next to the standard ones.
    package var functions: [CELFunctionDeclaration]

    package init(variables: [String: CELType] = [:], functions: [CELFunctionDeclaration] = []) {
        self.variables = variables
        self.functions = functions
    }
}

/// One overload of a function.
///
/// A method is called `receiver.name(…)`, and its receiver is the first parameter. A declaration under
/// the name of a standard function is never reached.
package struct CELFunctionDeclaration: Hashable, Sendable {
    package let name: String
    package let isMethod: Bool
    package let parameters: [CELType]
    package let result: CELType
    /// Whether the last parameter may be repeated.
    let isVariadic: Bool

    init(_ name: String, isMethod: Bool, _ parameters: [CELType], _ result: CELType, isVariadic: Bool) {
        precondition(!isMethod || !parameters.isEmpty, "a method has a receiver")
        self.name = name
        self.isMethod = isMethod
        self.parameters = parameters
        self.result = result
        self.isVariadic = isVariadic
    }

    package static func function(_ name: String, _ parameters: [CELType], _ result: CELType) -> Self {
        Self(name, isMethod: false, parameters, result, isVariadic: false)
    }

    package static func method(_ name: String, _ parameters: [CELType], _ result: CELType) -> Self {
        Self(name, isMethod: true, parameters, result, isVariadic: false)
    }

    static func variadic(_ name: String, _ parameter: CELType, _ result: CELType) -> Self {
        Self(name, isMethod: false, [parameter], result, isVariadic: true)
    }

    /// Without the receiver.
    var argumentTypes: [CELType] {
        Array(self.isMethod ? self.parameters.dropFirst() : self.parameters[...])
    }
}

extension CELFunctionDeclaration: CustomStringConvertible {
    /// As documentation writes it: `list(T).contains(T) -> bool`.
    package var description: String {
        let arguments = self.argumentTypes.map(\.description).joined(separator: ", ")
        let receiver = self.isMethod ? "\(self.parameters[0])." : ""
        return "\(receiver)\(self.name)(\(arguments)\(self.isVariadic ? ", …" : "")) -> \(self.result)"
    }
}

/// The functions of the host, for evaluation.
///
/// The body gets the name and the arguments, the receiver first, and never an argument that is unknown,
/// an interval or a partial list; their elements and fields may still be unknown. It may answer
/// `.unknown`, and `nil` means that there is no such function.
package struct CELHostFunctions: Sendable {
    package typealias Body = @Sendable (_ name: String, _ arguments: [CELValue]) throws(CELEvaluationError) -> CELValue?

    let body: Body

    package init(_ body: @escaping Body) {
        self.body = body
    }

    package static let none = CELHostFunctions { _, _ throws(CELEvaluationError) in nil }
}

/// The values of variables during one evaluation.
package struct CELActivation: Hashable, Sendable {
    private var variables: [String: CELValue]
    /// Whether looking for `a.b` as one name can succeed at all.
    private(set) var hasQualifiedNames: Bool

    package init(_ variables: [String: CELValue] = [:]) {
        self.variables = variables
        self.hasQualifiedNames = variables.keys.contains { $0.utf8.contains(UInt8(ascii: ".")) }
    }

    package subscript(name: String) -> CELValue? {
        get { self.variables[name] }
        set {
            self.variables[name] = newValue
            self.hasQualifiedNames = self.hasQualifiedNames || name.utf8.contains(UInt8(ascii: "."))
        }
    }

    /// An inner scope, in which `name` hides an outer one.
    package func adding(_ name: String, _ value: CELValue) -> Self {
        var copy = self
        copy[name] = value
        return copy
    }

    /// Sorted.
    package var names: [String] {
        self.variables.keys.sorted()
    }
}
