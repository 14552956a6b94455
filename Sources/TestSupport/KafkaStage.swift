// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import PracticeBrokers
import Synchronization

/// A broker that listens on loopback and answers by the scene, or makes trouble.
package final class KafkaStage: Sendable {
    /// What a broker does instead of answering a request, by the number of the request's kind.
    package enum Trouble: Hashable, Sendable {
        /// Takes the request and says nothing.
        case silence
        case hangUp
        /// Sends the first bytes of its answer and hangs up.
        case cut(after: Int)
        /// Sends the first bytes of its answer and says nothing more.
        case stall(after: Int)
        /// Answers as if to another request.
        case wrongNumber
        /// Sends these bytes in place of its answer.
        case bytes([UInt8])
        /// Sends this as the body behind the number of the request.
        case body([UInt8])
    }

    private struct State {
        var scene: KafkaScene
        /// What a broker knew last that is cut off from the others.
        var stale: [Int32: KafkaScene] = [:]
        var trouble: [Int32: [Int16: Trouble]] = [:]
        var versions: [Int32: [Int16: ClosedRange<Int16>]] = [:]
        var ports: [Int32: UInt16] = [:]
        var asked: [Int32: [String]] = [:]
    }

    private let state: Mutex<State>
    private let servers: [Int32: ScriptedServer]
    private let release: @Sendable () -> Void

    /// Starts a broker for each id.
    package init(_ scene: KafkaScene, brokers: [Int32]) throws {
        self.state = Mutex(State(scene: scene))
        final class Reference: Sendable {
            let stage = Mutex<KafkaStage?>(nil)
        }
        let reference = Reference()
        var servers: [Int32: ScriptedServer] = [:]
        for id in brokers {
            servers[id] = try ScriptedServer { connection, _ in
                guard let stage = reference.stage.withLock({ $0 }) else { return }
                stage.serve(connection, as: id)
            }
        }
        self.servers = servers
        let ports = servers.mapValues(\.port)
        self.state.withLock { $0.ports = ports }
        self.release = { reference.stage.withLock { $0 = nil } }
        reference.stage.withLock { $0 = self }
    }

    /// Ends every broker and lets go of the stage; each test says it.
    package func stop() {
        for server in self.servers.values { server.stop() }
        self.release()
    }

    package func port(_ id: Int32) -> UInt16 { self.servers[id]?.port ?? 0 }

    /// Hangs up on everybody and listens no more.
    package func kill(_ id: Int32) { self.servers[id]?.stop() }

    package func change(_ body: (inout KafkaScene) -> Void) {
        self.state.withLock { body(&$0.scene) }
    }

    /// From now on this broker tells what it knows now.
    package func cutOff(_ id: Int32) {
        self.state.withLock { $0.stale[id] = $0.scene }
    }

    package func trouble(_ id: Int32, _ api: Int16, _ trouble: Trouble?) {
        self.state.withLock { $0.trouble[id, default: [:]][api] = trouble }
    }

    package func offer(_ id: Int32, _ versions: [Int16: ClosedRange<Int16>]) {
        self.state.withLock { $0.versions[id] = versions }
    }

    /// The requests a broker was sent: kind and version, as in `3v12`.
    package func asked(of id: Int32) -> [String] {
        self.state.withLock { $0.asked[id] ?? [] }
    }

    /// The body of one answer to a request whose body is given, for those who want the bytes alone.
    package static func answer(
        _ scene: KafkaScene,
        as id: Int32,
        _ api: Int16,
        _ version: Int16,
        to body: [UInt8]
    ) -> [UInt8] {
        var versions = KafkaAnswers.offered
        versions[api] = 0...version
        return KafkaAnswers(scene: scene, id: id, places: [:], versions: versions).body(api, version, body)
    }

    // MARK: Serving

    private func serve(_ connection: ScriptedConnection, as id: Int32) {
        while let head = connection.bytes(4) {
            let length = head.reduce(0) { $0 << 8 | Int($1) }
            guard length < 1 << 20, let bytes = connection.bytes(length), let call = KafkaCall(bytes) else { return }
            let (api, version) = (call.api, call.version)
            let (scene, trouble, offered, ports) = self.state.withLock { state in
                state.asked[id, default: []].append("\(api)v\(version)")
                return (
                    state.stale[id] ?? state.scene, state.trouble[id]?[api], state.versions[id], state.ports
                )
            }
            var versions = offered ?? KafkaAnswers.offered
            if offered == nil, scene.voters != nil { versions[55] = 0...2 }
            let places = ports.mapValues { KafkaPlace(host: "127.0.0.1", port: $0) }
            let answers = KafkaAnswers(scene: scene, id: id, places: places, versions: versions)
            let body = answers.body(api, version, call.body)
            switch trouble {
            case nil: connection.send(call.frame(body))
            case .silence:
                connection.waitUntilClosed()
                return
            case .hangUp: return
            case .cut(let count):
                connection.send(Array(call.frame(body).prefix(count)))
                return
            case .stall(let count):
                connection.send(Array(call.frame(body).prefix(count)))
                connection.waitUntilClosed()
                return
            case .wrongNumber: connection.send(call.frame(body, number: call.number &+ 7))
            case .bytes(let bytes): connection.send(bytes)
            case .body(let bytes): connection.send(call.frame(bytes))
            }
        }
    }
}
