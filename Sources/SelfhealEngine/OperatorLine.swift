// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ControlSocket
import Glibc
import RunCore
import RunJournal
import RunVocabulary
package import SelfhealConfiguration

/// Brings what an operator says to a run: through the engine that holds the store, or into the store when nobody does.
package struct OperatorLine: Sendable {
    private let configuration: SelfhealConfiguration
    private let patience: Duration
    private let notice: Duration
    private let onDelay: @Sendable (String) -> Void

    /// An engine may take as long as `patience`; after `notice`, `onDelay` is told once who has not answered yet.
    package init(
        configuration: SelfhealConfiguration,
        patience: Duration = .seconds(30),
        notice: Duration = .seconds(3),
        onDelay: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.configuration = configuration
        self.patience = patience
        self.notice = notice
        self.onDelay = onDelay
    }

    package func send(_ request: OperatorRequest) async throws(EngineError) -> OperatorAnswer {
        if let answer = try await self.ask(request) {
            return answer
        }
        return try await self.sendToStore(request)
    }

    /// A freeze without an engine is written down for the next one.
    package func send(_ request: WatchRequest) async throws(EngineError) -> OperatorAnswer {
        if let answer = try await self.ask(request) {
            return answer
        }
        if case .why = request {
            return .refused(WatchRequest.nobodyWatches)
        }
        do {
            let store = try RunStore.open(folder: self.configuration.storeFolder, mode: .engine)
            let desk = OperatorDesk(configuration: self.configuration)
            let answer = try await FreezeDesk(store: store, desk: desk).answer(request, from: UnixUser.current)
            await store.close()
            return answer
        } catch {
            throw EngineError(describing: error)
        }
    }

    /// Nothing when no engine is there to answer.
    private func ask(_ request: some Encodable & Sendable) async throws(EngineError) -> OperatorAnswer? {
        let client: ControlClient
        do throws(ControlError) {
            client = try ControlClient.connect(path: "\(self.configuration.storeFolder)/\(Engine.socketName)")
        } catch {
            switch error.code {
            case .noEngine, .staleSocket: return nil
            default: throw EngineError(error.message)
            }
        }
        defer { client.close() }
        let engine = self.engine
        let alarm = Task { [notice = self.notice, patience = self.patience, onDelay = self.onDelay] in
            try await Task.sleep(for: notice, clock: .continuous)
            onDelay("\(engine) has not answered yet; it is waited for up to \(patience.components.seconds) seconds")
        }
        defer { alarm.cancel() }
        do {
            let body = try JSONEncoding.encode(request).bytes
            let reply = try await client.request(body, timeout: self.patience)
            return try JSONDecoding.decode(from: JSON(parsing: reply))
        } catch let error as ControlError where error.code == .timedOut {
            throw EngineError(
                "\(engine) has not answered: it may have heard you all the same, and 'selfheal show' reads the store without it. "
                    + "If it hangs, end that process: its runs rest in the store, and 'selfheal resume' goes on with them"
            )
        } catch {
            throw EngineError(describing: error)
        }
    }

    /// Who should answer, for people.
    private var engine: String {
        let process = StoreOutlook.engine(ofStoreIn: self.configuration.storeFolder)
        return process.map { "the engine, process \($0)," } ?? "the engine"
    }

    private func sendToStore(_ request: OperatorRequest) async throws(EngineError) -> OperatorAnswer {
        do {
            let store = try RunStore.open(folder: self.configuration.storeFolder, mode: .engine)
            let run = RunID(try await store.findRun(request.run).id)
            let desk = OperatorDesk(configuration: self.configuration)
            var answer = try await desk.answer(
                request,
                from: UnixUser.current,
                about: StoredRun(id: run, store: store)
            )
            let isOver = try await StoredRun(id: run, store: store).machine().outcome
            await store.close()
            if answer.isDone {
                answer.text +=
                    isOver.map { "; it has ended: \($0.rawValue)" }
                    ?? "; no engine is running: 'selfheal resume \(run)' goes on with it"
            }
            return answer
        } catch {
            throw EngineError(describing: error)
        }
    }
}

/// The user of the machine that this process runs as.
package enum UnixUser {
    package static var current: String? {
        var entry = passwd()
        var buffer = [CChar](repeating: 0, count: 16_384)
        var found: UnsafeMutablePointer<passwd>?
        guard getpwuid_r(geteuid(), &entry, &buffer, buffer.count, &found) == 0, found != nil else {
            return nil
        }
        return String(cString: entry.pw_name)
    }
}
