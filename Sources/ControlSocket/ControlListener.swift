// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Glibc

/// Accepts connections and watches their deadlines.
///
/// `@unchecked Sendable`: everything mutable is touched on `queue` alone, which is serial.
final class ControlListener: @unchecked Sendable {
    /// How often deadlines are looked at.
    private static let tick = DispatchTimeInterval.milliseconds(250)
    /// How often a stop looks whether everybody has their answer.
    private static let answerTick = DispatchTimeInterval.milliseconds(10)
    /// How long accepting rests after the system had no descriptor left.
    private static let rest = DispatchTimeInterval.milliseconds(500)

    private let queue = DispatchQueue(label: "selfheal.control")
    private let descriptor: Int32
    private let limits: ControlLimits
    private let handler: ControlServer.Handler
    private let source: any DispatchSourceRead
    private let timer: any DispatchSourceTimer
    private var connections: [ObjectIdentifier: ControlConnection] = [:]
    private var isStopped = false
    /// Left once the descriptor is closed, and nobody can connect any more.
    private let listening = DispatchGroup()

    init(_ descriptor: Int32, limits: ControlLimits, handler: @escaping ControlServer.Handler) {
        self.descriptor = descriptor
        self.limits = limits
        self.handler = handler
        self.source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: self.queue)
        self.timer = DispatchSource.makeTimerSource(queue: self.queue)
    }

    /// The sources keep this object until `stop`.
    func start() {
        let (descriptor, listening) = (self.descriptor, self.listening)
        self.source.setEventHandler { self.acceptAll() }
        // Only once the source is done with it may the number be used for something else.
        listening.enter()
        self.source.setCancelHandler {
            close(descriptor)
            listening.leave()
        }
        self.timer.setEventHandler { self.closeLate() }
        self.timer.schedule(deadline: .now() + Self.tick, repeating: Self.tick)
        self.source.resume()
        self.timer.resume()
    }

    /// Accepts nobody further, and lets those who wait for an answer have it, for as long as `grace`.
    ///
    /// What they asked has been done, or is being done: to hang up on them would leave them in doubt.
    func stop(grace: Duration, _ completion: @escaping @Sendable () -> Void = {}) {
        self.queue.async {
            if !self.isStopped {
                self.isStopped = true
                self.source.cancel()
                for connection in self.connections.values where !connection.owesAnswer {
                    connection.close()
                }
            }
            self.closeWhenAnswered(by: .now + grace, completion)
        }
    }

    private func closeWhenAnswered(by end: ContinuousClock.Instant, _ completion: @escaping @Sendable () -> Void) {
        guard self.connections.values.contains(where: \.owesAnswer), ContinuousClock.now < end else {
            self.timer.cancel()
            for connection in self.connections.values {
                connection.close()
            }
            self.listening.notify(queue: self.queue, execute: completion)
            return
        }
        self.queue.asyncAfter(deadline: .now() + Self.answerTick) { self.closeWhenAnswered(by: end, completion) }
    }

    private func acceptAll() {
        do {
            while !self.isStopped, let accepted = try UnixSocket.accept(self.descriptor) {
                self.admit(accepted)
            }
        } catch {
            // Out of descriptors or memory: without a rest the waiting client would wake us again at once.
            self.source.suspend()
            self.queue.asyncAfter(deadline: .now() + Self.rest) { self.source.resume() }
        }
    }

    private func admit(_ accepted: Int32) {
        guard self.connections.count < self.limits.connections else {
            let refusal = ControlFrame.refusal(
                "the engine serves \(self.limits.connections) clients already; try again"
            )
            _ = UnixSocket.send(refusal.bytes[...], to: accepted)
            Glibc.close(accepted)
            return
        }
        let connection = ControlConnection(accepted, queue: self.queue, limits: self.limits, handler: self.handler)
        let key = ObjectIdentifier(connection)
        self.connections[key] = connection
        connection.start { self.connections[key] = nil }
    }

    private func closeLate() {
        let now = ContinuousClock.now
        for connection in self.connections.values {
            connection.closeIfLate(now)
        }
    }
}
