// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import RunbookSource

struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Explain a diagnostic's code, such as RB0207.")

    @Argument(help: "The code.")
    var code: String

    func run() throws {
        guard let code = Diagnostic.Code(self.code.uppercased()) else {
            Terminal.say("'\(self.code)' is no code; codes look like RB0207")
            throw ExitCode.askedWrongly
        }
        guard let page = DiagnosticPages.page(code) else {
            Terminal.say("there is no page about \(code)")
            throw ExitCode.answerIsNo
        }
        Terminal.output(page)
    }
}
