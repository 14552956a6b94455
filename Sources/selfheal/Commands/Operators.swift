// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine

/// What the commands share that say something to a run.
enum OperatorWord {
    static func send(
        _ request: OperatorRequest,
        _ option: ConfigurationOption,
        evenIfWrong isBrake: Bool = false
    ) async throws {
        try await self.send(option, isBrake) { line throws(EngineError) in try await line.send(request) }
    }

    static func send(
        _ request: WatchRequest,
        _ option: ConfigurationOption,
        evenIfWrong isBrake: Bool = false
    ) async throws {
        try await self.send(option, isBrake) { line throws(EngineError) in try await line.send(request) }
    }

    private static func send(
        _ option: ConfigurationOption,
        _ isBrake: Bool,
        _ ask: (OperatorLine) async throws(EngineError) -> OperatorAnswer
    ) async throws {
        let configuration = try isBrake ? option.loadForStore() : option.load()
        do throws(EngineError) {
            let answer = try await ask(OperatorLine(configuration: configuration) { Terminal.say($0) })
            guard answer.isDone else {
                Terminal.say(answer.text)
                throw EngineError("")
            }
            Terminal.output(answer.text)
        } catch {
            guard !error.message.isEmpty else {
                throw ExitCode.answerIsNo
            }
            Terminal.say(error.message)
            throw error.isAnswer ? ExitCode.answerIsNo : ExitCode.weFailed
        }
    }
}

/// What a person says at a gate, and of which one.
struct VoteArguments: ParsableArguments {
    @Argument(help: "The run, or the beginning of its id.")
    var run: String

    @Argument(help: "The step that asks.")
    var step: String

    @Option(name: [.customLong("comment"), .customLong("because")], help: "Why.")
    var comment = ""

    @Option(
        name: .customLong("as"),
        help: "Speak for somebody else, where 'security.speak_for_others' allows it, as in the practice cluster."
    )
    var other: String?

    @OptionGroup var configuration: ConfigurationOption

    func send(_ decision: OperatorRequest.VoteDecision) async throws {
        try await OperatorWord.send(
            .vote(
                run: self.run,
                step: self.step,
                decision: decision,
                digest: nil,
                comment: self.comment,
                speakingFor: self.other
            ),
            self.configuration
        )
    }
}

struct Approve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Approve what a run asks for.",
        discussion: "Who you are is known by your user on this machine, mapped in the configuration's 'people:'."
    )

    @OptionGroup var vote: VoteArguments

    func run() async throws {
        try await self.vote.send(.granted)
        await StoreStanding(configuration: try self.vote.configuration.load()).mentionFreeze()
    }
}

struct Deny: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Refuse what a run asks for; one refusal closes the gate."
    )

    @OptionGroup var vote: VoteArguments

    func run() async throws {
        try await self.vote.send(.denied)
    }
}

struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Cancel a run.",
        discussion: "Commands in flight are stopped on their hosts first, then 'finally' is walked."
    )

    @Argument(help: "The run, or the beginning of its id.")
    var run: String

    @Option(name: [.customLong("because"), .customLong("comment")], help: "Why.")
    var because = ""

    @OptionGroup var configuration: ConfigurationOption

    func run() async throws {
        try await OperatorWord.send(
            .cancel(run: self.run, because: self.because),
            self.configuration,
            evenIfWrong: true
        )
    }
}

struct Settle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Decide what is in doubt: whether a command happened.",
        discussion: "A command is in doubt when neither its receipt nor its 'verify' can tell. Look at the host first."
    )

    @Argument(help: "The run, or the beginning of its id.")
    var run: String

    @Argument(help: "The step in doubt.")
    var step: String

    @Flag(name: .customLong("happened"), help: "It happened.")
    var happened = false

    @Flag(name: .customLong("not-happened"), help: "It did not happen; it may be sent again.")
    var didNotHappen = false

    @Option(name: [.customLong("because"), .customLong("comment")], help: "How you know.")
    var because: String

    @Option(help: "The target, when several are in doubt.")
    var target: String?

    @OptionGroup var configuration: ConfigurationOption

    func validate() throws {
        if self.happened == self.didNotHappen {
            throw ValidationError("say either --happened or --not-happened")
        }
        if self.because.isEmpty {
            throw ValidationError("say how you know, with --because")
        }
    }

    func run() async throws {
        try await OperatorWord.send(
            .settle(
                run: self.run,
                step: self.step,
                target: self.target,
                happened: self.happened,
                because: self.because
            ),
            self.configuration
        )
    }
}
