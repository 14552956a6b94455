// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ControlSocket
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine
import Synchronization
import Testing

/// What people are told while an engine takes its time to answer, and when it does not answer at all.
@Suite struct SlowEngineTests {
    private static let cancel = OperatorRequest.cancel(run: "run-1", because: "")

    /// Something that listens where the engine of a store would, and answers when it is let go.
    private func listen(in fixture: Fixture, until letGo: AsyncStream<Void>) async throws -> ControlServer {
        let engine = try Engine.open(fixture.configuration)
        await engine.close()
        let path = "\(fixture.configuration.storeFolder)/\(Engine.socketName)"
        let answer = try JSONEncoding.encode(OperatorAnswer.done("at last")).bytes
        return try ControlServer.start(path: path) { _, _ in
            for await _ in letGo {}
            return .single(answer)
        }
    }

    @Test func `an engine that takes long is named once, and its answer still counts`() async throws {
        let fixture = Fixture()
        let (stuck, letGo) = AsyncStream.makeStream(of: Void.self)
        let server = try await self.listen(in: fixture, until: stuck)
        let told = Mutex<[String]>([])
        // It answers only once its silence was spoken of.
        let line = OperatorLine(
            configuration: fixture.configuration,
            patience: .seconds(300),
            notice: .milliseconds(1)
        ) { text in
            told.withLock { $0.append(text) }
            letGo.finish()
        }
        #expect(try await line.send(Self.cancel) == .done("at last"))
        let texts = told.withLock { $0 }
        #expect(texts == ["the engine has not answered yet; it is waited for up to 300 seconds"])
        await server.stop()
    }

    @Test func `an engine that does not answer is given up, with what to do`() async throws {
        let fixture = Fixture()
        let (stuck, letGo) = AsyncStream.makeStream(of: Void.self)
        let server = try await self.listen(in: fixture, until: stuck)
        let line = OperatorLine(
            configuration: fixture.configuration,
            patience: .milliseconds(50),
            notice: .seconds(300)
        )
        let error = await #expect(throws: EngineError.self) {
            _ = try await line.send(Self.cancel)
        }
        #expect(error?.message.hasPrefix("the engine has not answered: ") == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("'selfheal resume' goes on with them") == true)
        letGo.finish()
        await server.stop()
    }
}
