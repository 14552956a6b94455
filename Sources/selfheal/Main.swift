// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import RunbookSource

/// Parses the command line, and ends with our own exit status instead of the parser's.
@main
enum Main {
    static func main() async {
        if let complaint = Self.unknownCommand(Array(CommandLine.arguments.dropFirst())) {
            Terminal.say(complaint)
            Selfheal.exit(withError: ExitCode.askedWrongly)
        }
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

    /// The parser says of a word that is no command only that it did not expect it.
    private static func unknownCommand(_ words: [String]) -> String? {
        var level: any ParsableCommand.Type = Selfheal.self
        var path = "selfheal"
        for word in words {
            let commands =
                level.configuration.subcommands + level.configuration.groupedSubcommands.flatMap { $0.subcommands }
            guard !commands.isEmpty, !word.hasPrefix("-"), word != "help" else {
                return nil
            }
            guard let found = commands.first(where: { $0._commandName == word }) else {
                let names = commands.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
                let near = DidYouMean.suggestion(for: word, among: names).map { "did you mean '\(path) \($0)'?" }
                return "'\(path)' has no command '\(word)'\nhelp: \(near ?? "it has \(names.joined(separator: ", "))")"
            }
            level = found
            path += " \(word)"
        }
        return nil
    }
}
