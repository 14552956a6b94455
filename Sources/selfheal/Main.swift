// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Parses the command line, and ends with our own exit status instead of the parser's.
@main
enum Main {
    static func main() async {
        do {
            var command = try Selfheal.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            guard Selfheal.exitCode(for: error) == .validationFailure else {
                Selfheal.exit(withError: error)
            }
            Terminal.say(Selfheal.fullMessage(for: error))
            Selfheal.exit(withError: ExitCode.askedWrongly)
        }
    }
}
