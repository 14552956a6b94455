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
    private let mask: SecretMask

    package init(_ values: [String: Secret<String>] = [:]) {
        self.values = values
        self.mask = SecretMask(values.values.map { $0.reveal() })
    }

    /// The act as it is sent, or the name of a secret that is not known.
    func reveal(_ act: Act) -> Result<Act, Missing> {
        var act = act
        act.holdsSecrets = act.variables.contains { !$0.pieces.isEmpty }
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

    /// For the output of one command, as it comes.
    func streamMask() -> StreamMask {
        StreamMask(self.mask)
    }

    func mask(_ report: CommandReport) -> CommandReport {
        guard !self.values.isEmpty else {
            return report
        }
        var report = report
        report.standardOutput = self.mask.maskCut(report.standardOutput)
        report.standardError = self.mask.maskCut(report.standardError)
        switch report.ending {
        case .notSent(let reason): report.ending = .notSent(reason: self.mask.mask(reason))
        case .inDoubt(let reason, let mayStillRun):
            report.ending = .inDoubt(reason: self.mask.mask(reason), mayStillRun: mayStillRun)
        case .exited, .signalled, .timedOut, .stopped: break
        }
        return report
    }
}

extension Act {
    /// Everything in it that may be given a secret.
    fileprivate var variables: [Variable] {
        let setting = self.setting.environment + [self.setting.input].compactMap { $0 }
        switch self.command {
        case .arguments: return setting
        case .script(_, let environment): return setting + environment
        case .request(let request): return setting + request.headers + [request.body].compactMap { $0 }
        }
    }
}
