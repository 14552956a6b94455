// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import RunCore
import RunPlan
import RunVocabulary

/// Who runs a command, where, and with what.
extension ReceiptCommandRunner {
    /// What a place is remembered by: each user of a host has receipts of their own.
    static func placeName(of node: Node) -> String {
        guard let become = node.ssh?.become else {
            return node.name.text
        }
        return "\(node.name.text) as \(become.user)"
    }

    static func store(of node: Node, family: String) throws(ReceiptError) -> ReceiptStore {
        let become = node.ssh?.become
        return try ReceiptStore(
            folder: "\(become?.receipts ?? ReceiptStore.defaultFolder)/\(family)",
            // Whoever is become may have no login shell at all; the one that reads the line is the login's.
            access: become == nil ? .loginShell : .direct,
            become: become?.words ?? []
        )
    }

    /// Why the program was not run as another user: it greets before it does anything, and no greeting came.
    static func refusalToBecome(
        _ report: ReceiptReport,
        _ status: Int32?,
        _ errors: [UInt8],
        at place: Place
    ) -> String? {
        guard let status, case .refused(.unsupportedShell) = report.answer else {
            return nil
        }
        return self.refusalToBecome(status, errors, at: place)
    }

    /// What was not greeted by whoever should have been become, in the words of what refused; nothing where nobody was to be become.
    static func refusalToBecome(_ status: Int32, _ errors: [UInt8], at place: Place) -> String? {
        guard let method = place.store.become.first else {
            return nil
        }
        let said = String(decoding: errors.prefix(500), as: UTF8.self).split(whereSeparator: \.isNewline).last
        let words = said.map(String.init) ?? "exit status \(status)"
        return "\(method) did not run it (\(place.name)): \(words); allow it in sudoers without password and terminal"
    }

    static func parts(of act: Act) -> (words: [ShellWord], environment: [ReceiptCommand.Variable]) {
        let setting = act.setting.environment.map { ReceiptCommand.Variable(name: $0.name, value: ShellWord($0.value)) }
        switch act.command {
        case .arguments(let arguments):
            return (arguments.map { ShellWord($0) }, setting)
        case .script(let text, let variables):
            let own = variables.map { ReceiptCommand.Variable(name: $0.name, value: ShellWord($0.value)) }
            return (ReceiptCommand.script(text), own + setting)
        case .request: preconditionFailure("the driver hands requests to a request runner")
        }
    }

    static func plainScript(_ act: Act, become: [String], greeting: String) throws(ReceiptError) -> RemoteScript {
        let (words, environment) = self.parts(of: act)
        return try PlainProgram.script(
            words,
            environment: environment,
            workingDirectory: act.setting.directory,
            standardInput: act.setting.input.map { Array($0.value.utf8) },
            become: become,
            greeting: greeting
        )
    }
}
