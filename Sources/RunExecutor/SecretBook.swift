// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunCore
package import RunVocabulary

/// The secret parameters of one run, held in memory alone.
///
/// The machine knows their names. Only here are they put into an act, right before it is sent, and taken out of what comes back: a script
/// that prints its environment must not write a secret into the journal.
package struct SecretBook: Sendable {
    private let values: [String: Secret<String>]

    package init(_ values: [String: Secret<String>] = [:]) {
        self.values = values
    }

    /// Shorter ones are not taken out of output: they would be found everywhere.
    private static let shortestMasked = 4

    /// The act as it is sent, or the name of a secret that is not known.
    func reveal(_ act: Act) -> Result<Act, Missing> {
        var act = act
        do throws(Missing) {
            act.setting.environment = try self.reveal(act.setting.environment)
            act.setting.input = try self.reveal([act.setting.input].compactMap { $0 }).first
            switch act.command {
            case .arguments: break
            case .script(let text, let environment):
                act.command = .script(text: text, environment: try self.reveal(environment))
            case .request(var request):
                request.headers = try self.reveal(request.headers)
                request.body = try self.reveal([request.body].compactMap { $0 }).first
                act.command = .request(request)
            }
            return .success(act)
        } catch {
            return .failure(error)
        }
    }

    struct Missing: Error {
        let name: String
    }

    private func reveal(_ variables: [Act.Variable]) throws(Missing) -> [Act.Variable] {
        var revealed: [Act.Variable] = []
        for variable in variables {
            guard !variable.pieces.isEmpty else {
                revealed.append(variable)
                continue
            }
            var value = ""
            for piece in variable.pieces {
                switch piece {
                case .literal(let text): value += text
                case .secret(let name):
                    guard let secret = self.values[name] else {
                        throw Missing(name: name)
                    }
                    value += secret.reveal()
                }
            }
            revealed.append(Act.Variable(name: variable.name, value: value))
        }
        return revealed
    }

    /// The text without the secrets in it.
    func mask(_ text: String) -> String {
        var text = text
        for secret in self.values.values.map({ $0.reveal() }).sorted(by: { $0.utf8.count > $1.utf8.count })
        where secret.utf8.count >= Self.shortestMasked {
            text = Self.replacing(secret, in: text)
        }
        return text
    }

    func mask(_ report: CommandReport) -> CommandReport {
        guard !self.values.isEmpty else {
            return report
        }
        var report = report
        report.standardOutput = self.mask(report.standardOutput)
        report.standardError = self.mask(report.standardError)
        switch report.ending {
        case .notSent(let reason): report.ending = .notSent(reason: self.mask(reason))
        case .inDoubt(let reason, let mayStillRun):
            report.ending = .inDoubt(reason: self.mask(reason), mayStillRun: mayStillRun)
        case .exited, .signalled, .timedOut, .stopped: break
        }
        return report
    }

    /// Compared byte for byte, as the secret was sent.
    private static func replacing(_ secret: String, in text: String) -> String {
        let needle = Array(secret.utf8)
        let haystack = Array(text.utf8)
        var result: [UInt8] = []
        var position = 0
        while position < haystack.count {
            if haystack[position] == needle[0], haystack[position...].starts(with: needle) {
                result += Array("<secret>".utf8)
                position += needle.count
            } else {
                result.append(haystack[position])
                position += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
