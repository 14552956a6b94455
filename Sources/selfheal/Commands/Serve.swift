// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterWatch
import Dispatch
import Glibc
import RunCore
import RunPlan
import RunPorts
import RunVocabulary
import RunbookSource
import SelfhealConfiguration
import SelfhealDaemon
import SelfhealEngine
import Synchronization

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch the cluster, and start runbooks when their triggers fire.",
        discussion: """
            What is watched, which runbooks may start and who is asked first stands in the configuration, under 'monitoring:' and 'watch:'. \
            Runs that an earlier engine left are taken up again. The log goes to standard output, one line each; Ctrl-C or SIGTERM ends the \
            daemon at once, and what was under way is found out by the next one. A change of the configuration or of a runbook is live within a \
            second, and SIGHUP has everything read again.
            """
    )

    enum LogFormat: String, ExpressibleByArgument, CaseIterable {
        case text
        case json
    }

    @Argument(help: "Runbooks that may start, besides those of the configuration.")
    var files: [String] = []

    @OptionGroup var configuration: ConfigurationOption

    @Option(help: "How the log is written. (values: text, json)")
    var format = LogFormat.text

    func run() async throws {
        let files = ServiceFiles(configuration: self.configuration, runbooks: self.files)
        let firstState = files.firstState()
        let configuration = try files.loadConfiguration()
        let runbooks = try files.runbooks(of: configuration)
        let engine: Engine
        do throws(EngineError) {
            engine = try Engine.open(configuration)
        } catch {
            Terminal.say(error.message)
            throw ExitCode.weFailed
        }
        let manager = ServiceManager(environment: Environment.all, process: getpid())
        let signals = self.endOnSignals(manager) + [self.rereadOnSignal(files)]
        defer { withExtendedLifetime(signals) {} }
        let log = ServiceLog(format: self.format)
        let daemon = WatchDaemon(
            engine: engine,
            runbooks: runbooks,
            surroundings: WatchDaemon.Surroundings(
                log: { log.write($0) },
                observer: { ServiceObserver(run: $0, log: log) },
                nextRun: { RunNaming.fresh() },
                manager: manager,
                source: WatchDaemon.Source(
                    loaded: firstState,
                    state: { files.state },
                    load: { try files.load() }
                )
            )
        )
        self.sayWhatIsWatched(configuration, runbooks)
        do {
            try await daemon.run()
        } catch {
            Terminal.say(EngineError(describing: error).message)
            await engine.close()
            throw ExitCode.weFailed
        }
    }

    private func sayWhatIsWatched(_ configuration: SelfhealConfiguration, _ runbooks: [WatchDaemon.Runbook]) {
        let nodes = configuration.inventory.nodes.count { $0.monitor != nil }
        let names = runbooks.map(\.plan.runbook).joined(separator: ", ")
        Terminal.say(
            "watching \(nodes.counted("node")) of \(configuration.inventory.clusterName) every \(configuration.watch.every); "
                + "runbooks that may start: \(names.isEmpty ? "none" : names)"
        )
    }

    private func rereadOnSignal(_ files: ServiceFiles) -> any DispatchSourceSignal {
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP)
        source.setEventHandler { files.lookAgain() }
        source.resume()
        return source
    }

    /// The journal is on disk before anything is done, so the end may come at any moment, and is the same as a crash.
    private func endOnSignals(_ manager: ServiceManager) -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number)
            source.setEventHandler {
                manager.say("STOPPING=1")
                Terminal.say(
                    "the watch ends; runs that have not ended are taken up by the next 'selfheal serve' or 'selfheal resume'"
                )
                _exit(0)
            }
            source.resume()
            return source
        }
    }
}

struct FreezeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "freeze",
        abstract: "Start nothing and send nothing that changes the world, until 'unfreeze'.",
        discussion: """
            It holds from the next command on, for every run of this store, and outlives every engine. A step that wants to act fails with the \
            reason, and its runbook goes on from there; what only looks goes on, and a command that runs already is not stopped ('selfheal cancel' does).
            """
    )

    @Option(name: [.customLong("because"), .customLong("comment")], help: "Why; everybody who is held up is told.")
    var because: String

    @OptionGroup var configuration: ConfigurationOption

    func run() async throws {
        try await OperatorWord.send(.freeze(because: self.because), self.configuration, evenIfWrong: true)
    }
}

struct Unfreeze: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lift the freeze.")

    @OptionGroup var configuration: ConfigurationOption

    func run() async throws {
        try await OperatorWord.send(.unfreeze, self.configuration)
    }
}

struct Why: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say why a runbook did or did not start.",
        discussion: "Asks the daemon; without a name, about every runbook that it watches."
    )

    @Argument(help: "The runbook's name.")
    var runbook: String?

    @OptionGroup var configuration: ConfigurationOption

    func run() async throws {
        try await OperatorWord.send(.why(runbook: self.runbook), self.configuration, evenIfWrong: true)
    }
}
