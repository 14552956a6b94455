// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CELExpressions
import RunbookLanguage
import RunbookSource

/// Which parameters, or settings, the runbook's expressions read.
struct ParameterUse {
    private let root: String
    private var read: Set<String> = []
    /// Whether something reads them as a whole, or by a name that only the run knows.
    private var readsAll = false

    init(_ root: String = "parameters") {
        self.root = root
    }

    mutating func note(_ expression: CELExpression) {
        for reference in expression.referencedPaths where reference.root == self.root {
            if reference.path.count > 1 {
                self.read.insert(reference.path[1])
            } else {
                self.readsAll = true
            }
        }
    }

    func isRead(_ parameter: String) -> Bool {
        self.readsAll || self.read.contains(parameter)
    }
}

extension RunbookCompiler {
    /// Who sets a parameter expects it to do something.
    mutating func warnOfUnusedParameters() {
        for parameter in self.syntax.parameters where !self.parameterUse.isRead(parameter.name.value) {
            self.report(.unusedParameter(parameter.name.value, at: parameter.name.span))
        }
    }
}

extension Diagnostic {
    fileprivate static func unusedParameter(_ name: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(260),
            severity: .warning,
            message: "no expression reads the parameter '\(name)'",
            span: span,
            help: "read it as 'parameters.\(name)', or take it out"
        )
    }
}
