// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import HTTPService
import RunPlan
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine

/// The port that others ask and send alerts to.
extension WatchDaemon {
    struct Door: Sendable {
        let desk: ServiceDesk
        let address: String
        var server: HTTPServer
    }

    func openDoor(_ desk: ServiceDesk?) async throws(EngineError) -> Door? {
        guard let desk, let settings = self.engine.configuration.http else {
            return nil
        }
        do {
            let server = try await Self.listen(settings.address, settings.port, desk)
            self.log(.info, "listening", "listening on \(settings.address), port \(server.port)")
            return Door(desk: desk, address: settings.address, server: server)
        } catch {
            throw EngineError("the service cannot listen: \(error)")
        }
    }

    private static func listen(
        _ address: String,
        _ port: Int,
        _ desk: ServiceDesk
    ) async throws(HTTPServerError) -> HTTPServer {
        try await HTTPServer.start(address: address, port: port) { await desk.answer($0) }
    }

    /// The first pause before the port is opened again, and the longest: each is twice the one before.
    private static let firstPause = Duration.milliseconds(500)
    private static let longestPause = Duration.seconds(60)
    /// What has stayed open for so long begins with the first pause again.
    private static let steadyAfter = Duration.seconds(600)

    /// Opens the port again whenever it closes by itself, until the daemon ends.
    func attend(_ door: Door) async {
        var door = door
        var pause = Self.firstPause
        var opened = ContinuousClock.now
        while true {
            await door.server.untilClosed()
            guard !Task.isCancelled else {
                break
            }
            if ContinuousClock.now - opened >= Self.steadyAfter {
                pause = Self.firstPause
            }
            let port = door.server.port
            let text = "the service does not listen on \(door.address), port \(port) any more"
            self.pulse.update { $0.deafness = text }
            self.metrics.closed()
            self.log(.error, "listening_ended", "\(text); it is tried again in \(pause)")
            let old = door.server
            guard let server = await self.reopen(door, port, &pause) else {
                break
            }
            await old.stop(grace: .zero)
            door.server = server
            opened = .now
            self.pulse.update { $0.deafness = nil }
            self.log(.warning, "listening", "listening again on \(door.address), port \(port)")
        }
        await door.server.stop()
    }

    /// Tries as long as the daemon lives, ever more seldom; people hear of the first time that it did not help.
    private func reopen(_ door: Door, _ port: Int, _ pause: inout Duration) async -> HTTPServer? {
        var hasTold = false
        while true {
            try? await Task.sleep(for: pause, clock: .continuous)
            guard !Task.isCancelled else {
                return nil
            }
            pause = min(pause * 2, Self.longestPause)
            do {
                return try await Self.listen(door.address, port, door.desk)
            } catch {
                self.log(.error, "listening_ended", "\(error); it is tried again in \(pause)")
                if !hasTold {
                    hasTold = true
                    let text = "The service takes no alerts: \(error). It is tried again and again."
                    await self.tell(WatchNotice(severity: .critical, runbook: nil, message: text))
                }
            }
        }
    }
}
