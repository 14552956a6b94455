// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
package import RunCore
package import RunPlan
package import RunPorts
package import RunVocabulary
package import SSHClient
import Synchronization

/// Sends commands with a receipt on the target, so that each happens at most once and can be asked for afterwards.
package final class ReceiptCommandRunner: CommandRunner {
    /// How long past the command's own time the host may take to answer, connecting included.
    private static let slack = Duration.seconds(20)
    /// From TERM to KILL when a command is stopped.
    private static let grace = Duration.seconds(5)
    /// The pause between two attempts to reach a host that went away while a command ran.
    private static let pauseBetweenAttempts = Duration.milliseconds(500)

    /// What is known of a command that is under way.
    private enum Flight {
        case guarded(Node?)
        case unguarded
        /// Its task is what can be ended; the host knows nothing of it.
        case unguardedTask(Task<CommandReport, Never>)
    }

    private struct State {
        var flights: [EffectID: Flight] = [:]
        /// Told to stop before they were under way: tasks start in any order.
        var stoppedEarly: Set<EffectID> = []
        var incarnations: [String: StoreIncarnation] = [:]
    }

    private let client: SSHClient
    private let term: Term
    private let family: String
    private let localFolder: String
    private let memory: any IncarnationMemory
    private let hosts: SSHHosts
    private let state = Mutex(State())

    /// Sends nothing yet.
    ///
    /// `family` names the succession of terms on every host: engines of another store have terms that say nothing about ours. `localFolder`
    /// keeps the receipts of commands on the engine's own machine. `memory` knows which store of receipts each host had, and must outlive the
    /// engine.
    package init(
        client: SSHClient,
        term: Term,
        family: String,
        localFolder: String,
        memory: any IncarnationMemory
    ) {
        self.family = family
        self.memory = memory
        self.client = client
        self.term = term
        self.localFolder = localFolder
        self.hosts = SSHHosts()
    }

    // MARK: Port

    package func run(
        _ act: Act,
        on node: Node?,
        onOutput: @escaping @Sendable (CommandOutput) -> Void
    ) async -> CommandReport {
        let wasStopped = self.register(act, on: node)
        defer { self.forget(act.effect) }
        guard !wasStopped else {
            return CommandReport(.notSent(reason: "it was stopped before it was sent"))
        }
        guard act.repeating != .never else {
            return await self.runUnguarded(act, on: node)
        }
        do {
            let place = try self.place(of: node)
            let known = try await self.incarnation(at: place)
            let wrapper = try self.wrapper(at: place, incarnation: known)
            let command = try self.command(for: act)
            let script = try wrapper.start(command)
            guard !self.isStopAsked(act.effect) else {
                return CommandReport(.notSent(reason: "it was stopped before it was sent"))
            }
            let answer = await self.speak(
                script,
                nonce: wrapper.nonce,
                at: place,
                timeout: command.answersWithin + Self.slack
            ) { event in
                if case .output(let stream, let bytes) = event {
                    let text = String(decoding: bytes, as: UTF8.self)
                    onOutput(CommandOutput(effect: act.effect, isError: stream == .standardError, text: text))
                }
            }
            switch answer {
            case .report(let report) where !report.isUndecided: return CommandReport(report)
            case .notSent(let reason): return CommandReport(.notSent(reason: reason))
            case .report, .broken:
                // The command does not end with the connection: go and find out.
                return await self.follow(act, at: place)
            }
        } catch let error as PlaceError {
            return CommandReport(.notSent(reason: error.message))
        } catch {
            return CommandReport(.notSent(reason: "\(error)"))
        }
    }

    package func inquire(_ act: Act, on node: Node?) async -> CommandReport {
        let wasStopped = self.register(act, on: node)
        defer { self.forget(act.effect) }
        guard act.repeating != .never else {
            return CommandReport(.inDoubt(reason: "the engine ended while it ran, and it leaves no receipt"))
        }
        if wasStopped {
            await self.stop(act.effect)
        }
        do {
            let place = try self.place(of: node)
            guard try await self.memory.incarnation(at: place.name) != nil else {
                // The store of receipts is remembered before anything is started in it, and here none is.
                return CommandReport(.notSent(reason: "nothing had ever been started there"))
            }
            return await self.follow(act, at: place)
        } catch {
            let reason = (error as? PlaceError)?.message ?? "\(error)"
            return CommandReport(.inDoubt(reason: "the host cannot be asked: \(reason)"))
        }
    }

    package func stop(_ effect: EffectID) async {
        let flight = self.state.withLock { state in
            let flight = state.flights[effect]
            switch flight {
            case .unguarded, .guarded, nil: state.stoppedEarly.insert(effect)
            case .unguardedTask: break
            }
            return flight
        }
        switch flight {
        case .guarded(let node): await self.stopGuarded(effect, on: node)
        case .unguardedTask(let task): task.cancel()
        case .unguarded, nil: break
        }
    }

    private func stopGuarded(_ effect: EffectID, on node: Node?) async {
        do {
            let place = try self.place(of: node)
            let wrapper = try self.wrapper(at: place, incarnation: nil)
            let script = wrapper.stop(try ReceiptID(effect.text), grace: Self.grace)
            // The answer comes to whoever waits for the command; what fails here shows there, at the latest when its time is up.
            _ = await self.speak(
                script,
                nonce: wrapper.nonce,
                at: place,
                timeout: Self.grace + ReceiptWrapper.confirmation + Self.slack
            ) { _ in }
        } catch {
            return
        }
    }

    /// - Returns: whether somebody wanted it stopped before it was under way.
    private func register(_ act: Act, on node: Node?) -> Bool {
        self.state.withLock { state in
            state.flights[act.effect] = act.repeating == .never ? .unguarded : .guarded(node)
            return state.stoppedEarly.remove(act.effect) != nil
        }
    }

    private func isStopAsked(_ effect: EffectID) -> Bool {
        self.state.withLock { $0.stoppedEarly.contains(effect) }
    }

    private func forget(_ effect: EffectID) {
        self.state.withLock { state in
            state.flights[effect] = nil
            state.stoppedEarly.remove(effect)
        }
    }

    // MARK: Finding out

    /// Asks again and again until the host says how the command ended, or its time and ours are up.
    ///
    /// The question seals: a "never" is made final on the host, because a start may still be on its way, be it that of an engine that is gone or
    /// our own over a connection that was lost.
    private func follow(_ act: Act, at place: Place) async -> CommandReport {
        let clock = ContinuousClock()
        let end = clock.now + act.timeout.duration + Self.grace + ReceiptWrapper.confirmation + Self.slack
        var last = "the host did not answer"
        var asksFirst = true
        while clock.now < end, !Task.isCancelled {
            let answer = await self.askOnce(act, at: place, attaching: !asksFirst, until: end - clock.now)
            switch answer {
            case .report(let report):
                switch report.answer {
                case .running: asksFirst = false
                case .doubt(.unreadable(let why)):
                    last = why
                    try? await Task.sleep(for: Self.pauseBetweenAttempts)
                // "Never" is only believed when it is sealed, and a refusal to answer is no answer.
                case .never(sealed: false): return CommandReport(.inDoubt(reason: "its receipt is gone"))
                case .refused(let refusal):
                    return CommandReport(.inDoubt(reason: "the host does not say what became of it: \(refusal)"))
                default: return CommandReport(report)
                }
            case .notSent(let reason), .broken(let reason):
                last = reason
                try? await Task.sleep(for: Self.pauseBetweenAttempts)
            }
        }
        return CommandReport(.inDoubt(reason: "the host could not be asked in time: \(last)"))
    }

    private func askOnce(_ act: Act, at place: Place, attaching: Bool, until: Duration) async -> Spoken {
        do {
            let known = try await self.memory.incarnation(at: place.name).map { try StoreIncarnation($0) }
            let wrapper = try self.wrapper(at: place, incarnation: known)
            let id = try ReceiptID(act.effect.text)
            let patience = min(until, .seconds(30))
            let script =
                attaching
                ? wrapper.attach(id, patience: patience)
                : wrapper.ask(id, begunAgo: .zero, sealing: true)
            return await self.speak(script, nonce: wrapper.nonce, at: place, timeout: patience + Self.slack) { _ in }
        } catch {
            return .notSent("\(error)")
        }
    }

    // MARK: Speaking

    private enum Spoken {
        case report(ReceiptReport)
        case notSent(String)
        case broken(String)
    }

    private func speak(
        _ script: RemoteScript,
        nonce: String,
        at place: Place,
        timeout: Duration,
        onEvent: @escaping @Sendable (ReceiptAnswerParser.Event) -> Void
    ) async -> Spoken {
        let parser = ParserBox(nonce: nonce)
        let result = await place.transport.run(script, timeout: timeout) { bytes in
            for event in parser.consume(bytes) {
                onEvent(event)
            }
        }
        switch result {
        case .notSent(let reason): return .notSent(reason)
        case .exited(let status, _): return .report(parser.finish(exitStatus: status))
        case .broken(let reason):
            let report = parser.finish(exitStatus: nil)
            if case .doubt(.unreadable) = report.answer {
                return .broken(reason)
            }
            return .report(report)
        }
    }

    /// The store's incarnation, read once per host and remembered before anything is started there: a store that was deleted and made anew is
    /// then noticed, by a later engine too.
    private func incarnation(at place: Place) async throws -> StoreIncarnation? {
        if let known = self.state.withLock({ $0.incarnations[place.name] }) {
            return known
        }
        let wrapper = try self.wrapper(at: place, incarnation: nil)
        switch await self.speak(wrapper.open(), nonce: wrapper.nonce, at: place, timeout: Self.slack, onEvent: { _ in })
        {
        case .report(let report):
            switch report.answer {
            case .refused(let refusal): throw PlaceError(message: "\(place.name): \(refusal)")
            case .doubt(let doubt): throw PlaceError(message: "\(place.name): \(doubt)")
            default: break
            }
            let found = report.store?.incarnation
            if let found, try await self.memory.incarnation(at: place.name) != found.text {
                try await self.memory.remember(found.text, at: place.name)
            }
            self.state.withLock { $0.incarnations[place.name] = found }
            return found
        case .notSent(let reason), .broken(let reason): throw PlaceError(message: reason)
        }
    }

    private func wrapper(at place: Place, incarnation: StoreIncarnation?) throws(ReceiptError) -> ReceiptWrapper {
        try ReceiptWrapper(
            store: place.store,
            term: self.term.number,
            nonce: Nonce.fresh(),
            incarnation: incarnation
        )
    }

    private func command(for act: Act) throws(ReceiptError) -> ReceiptCommand {
        let words: [ShellWord]
        var environment: [ReceiptCommand.Variable] = []
        switch act.command {
        case .arguments(let arguments): words = arguments.map { ShellWord($0) }
        case .script(let text, let variables):
            words = ReceiptCommand.script(text)
            environment = variables.map { ReceiptCommand.Variable(name: $0.name, value: ShellWord($0.value)) }
        case .request: preconditionFailure("the driver hands requests to a request runner")
        }
        return ReceiptCommand(
            id: try ReceiptID(act.effect.text),
            words: words,
            environment: environment,
            budget: act.timeout.duration,
            grace: Self.grace,
            outputLimit: CommandReport.outputLimit
        )
    }

    // MARK: Places

    struct Place: Sendable {
        let name: String
        let transport: any ShellTransport
        let store: ReceiptStore
    }

    struct PlaceError: Error {
        let message: String
    }

    private func place(of node: Node?) throws(PlaceError) -> Place {
        do {
            guard let node else {
                let store = try ReceiptStore(folder: self.localFolder, access: .direct)
                return Place(name: "the engine's machine", transport: LocalTransport(), store: store)
            }
            let host = try self.hosts.host(of: node)
            let transport = SSHTransport(client: self.client, host: host)
            return Place(
                name: node.name.text,
                transport: transport,
                store: try ReceiptStore(folder: "\(ReceiptStore.defaultFolder)/\(self.family)")
            )
        } catch let error as SSHHosts.Problem {
            throw PlaceError(message: error.message)
        } catch {
            throw PlaceError(message: "\(error)")
        }
    }

    // MARK: Without a receipt

    /// A command that must not be repeated and leaves no receipt: what is not seen to end is in doubt.
    private func runUnguarded(_ act: Act, on node: Node?) async -> CommandReport {
        let place: Place
        do {
            place = try self.place(of: node)
        } catch {
            return CommandReport(.notSent(reason: error.message))
        }
        let task = Task { await Self.runPlain(act, at: place) }
        let wasStopped = self.state.withLock { state in
            state.flights[act.effect] = .unguardedTask(task)
            return state.stoppedEarly.remove(act.effect) != nil
        }
        if wasStopped {
            task.cancel()
        }
        return await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private static func runPlain(_ act: Act, at place: Place) async -> CommandReport {
        let line: String
        switch act.command {
        case .arguments(let words): line = ShellWords.join(words)
        case .script(let text, let variables):
            let environment = variables.map { "\($0.name)=\($0.value)" }
            line = ShellWords.join(["env"] + environment + ["sh", "-c", text])
        case .request: preconditionFailure("the driver hands requests to a request runner")
        }
        let output = Mutex<[UInt8]>([])
        let result = await place.transport.run(
            RemoteScript(commandLine: line, standardInput: []),
            timeout: act.timeout.duration
        ) { bytes in
            output.withLock { $0 = Array(($0 + bytes).prefix(CommandReport.outputLimit)) }
        }
        let text = output.withLock { String(decoding: $0, as: UTF8.self) }
        switch result {
        case .notSent(let reason): return CommandReport(.notSent(reason: reason))
        case .broken(let reason): return CommandReport(.inDoubt(reason: reason), standardOutput: text)
        case .exited(let status?, let errors):
            return CommandReport(
                .exited(status: Int(status)),
                standardOutput: text,
                standardError: String(decoding: errors.prefix(CommandReport.outputLimit), as: UTF8.self)
            )
        case .exited(nil, _): return CommandReport(.signalled(name: "unknown"), standardOutput: text)
        }
    }
}

/// The parser, for callbacks of the transport's thread.
private final class ParserBox: Sendable {
    private let parser: Mutex<ReceiptAnswerParser>

    init(nonce: String) {
        self.parser = Mutex(ReceiptAnswerParser(nonce: nonce))
    }

    func consume(_ bytes: [UInt8]) -> [ReceiptAnswerParser.Event] {
        self.parser.withLock { $0.consume(bytes) }
    }

    func finish(exitStatus: Int32?) -> ReceiptReport {
        self.parser.withLock { $0.finish(exitStatus: exitStatus) }
    }
}

enum Nonce {
    private static let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")

    /// Unguessable: a command's own output must not be able to pass for the wrapper's.
    static func fresh() -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<32).map { _ in self.letters[Int.random(in: 0..<self.letters.count, using: &generator)] })
    }
}

extension ReceiptReport {
    /// Whether the answer leaves open how the command ended, and asking again may tell.
    fileprivate var isUndecided: Bool {
        switch self.answer {
        case .running, .doubt(.unreadable): true
        default: false
        }
    }
}

extension CommandReport {
    init(_ report: ReceiptReport) {
        let ending: Ending =
            switch report.answer {
            case .done(let ending):
                switch ending.cause {
                case .exited: .exited(status: Int(ending.status))
                case .timedOut: .timedOut
                case .stopped: .stopped
                }
            case .never: .notSent(reason: "it never began, and cannot any more")
            case .refused(let refusal): .notSent(reason: "\(refusal)")
            case .doubt(let doubt): .inDoubt(reason: "\(doubt)")
            case .running: .inDoubt(reason: "it still runs")
            case .opened, .swept: .inDoubt(reason: "the host answered another question")
            }
        self.init(
            ending,
            standardOutput: report.standardOutput.text,
            standardError: report.standardError.text,
            isOutputCut: report.standardOutput.isTruncated || report.standardError.isTruncated
        )
    }
}

extension ReceiptOutput {
    fileprivate var text: String {
        let head = String(decoding: self.head, as: UTF8.self)
        return self.tail.isEmpty ? head : head + "\n[…]\n" + String(decoding: self.tail, as: UTF8.self)
    }
}
