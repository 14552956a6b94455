// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunbookLanguage
import RunbookSource

extension RunbookCompiler {
    mutating func become(_ syntax: RunSyntax, isLocal: Bool) -> BecomeChoice? {
        guard let become = syntax.become else {
            return nil
        }
        switch become.value {
        case .none:
            return BecomeChoice.none
        case .user(let user, let receipts):
            guard !isLocal else {
                let help = "let the command itself change the user, or leave 'become' out"
                self.report(.keyWithoutEffect("become", verb: "local", at: become.span, help: help))
                return nil
            }
            guard Self.isUserName(user), receipts?.hasPrefix("/") ?? true else {
                self.report(.badBecome(user, at: become.span))
                return nil
            }
            return .user(Become(user: user, receipts: receipts))
        }
    }

    /// What every system takes for a user's name, and no option of anything.
    private static func isUserName(_ name: String) -> Bool {
        guard let first = name.utf8.first, first != UInt8(ascii: "-"), name.utf8.count <= 64 else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
    }
}

extension Diagnostic {
    static func badBecome(_ user: String, at span: SourceSpan) -> Self {
        Self(
            code: Code(531),
            severity: .error,
            message: "'\(user)' cannot be become, or its folder of receipts is no absolute path",
            span: span,
            help: "write a user's name: become: kafka, or become: { user: kafka, receipts: /var/lib/kafka/receipts }"
        )
    }
}
