// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A pretend Kafka cluster: what its brokers tell, which a test changes while they listen.
package struct KafkaScene: Hashable, Sendable {
    package struct Partition: Hashable, Sendable {
        package var leader: Int32
        package var replicas: [Int32]
        package var inSync: [Int32]
        package var error: Int16 = 0
        package var adding: [Int32] = []
        /// The records there are, by offset, with their times.
        package var records: [(offset: Int64, time: Int64)] = []
        /// As records of the oldest format do.
        package var hidesTimes = false
        package var start: Int64 = 0
        package var end: Int64 = 0

        package init(leader: Int32, replicas: [Int32], inSync: [Int32]? = nil) {
            self.leader = leader
            self.replicas = replicas
            self.inSync = inSync ?? replicas
        }

        package static func == (left: Self, right: Self) -> Bool {
            left.leader == right.leader && left.replicas == right.replicas && left.inSync == right.inSync
        }

        package func hash(into hasher: inout Hasher) {
            hasher.combine(self.leader)
            hasher.combine(self.replicas)
        }
    }

    package var clusterID = "c1"
    /// The ids that are alive.
    package var alive: [Int32]
    package var controller: Int32
    /// With voters the controllers are a quorum of their own; each with how long ago it had caught up, in milliseconds.
    package var voters: [(id: Int32, behind: Int64)]?
    package var topics: [String: [Partition]] = [:]
    package var leastInSync: [String: Int] = [:]
    /// By group: the broker that coordinates it, and what it committed.
    package var groups: [String: (coordinator: Int32, commits: [String: [Int32: Int64]])] = [:]

    package init(alive: [Int32], controller: Int32) {
        self.alive = alive
        self.controller = controller
    }

    package static func == (left: Self, right: Self) -> Bool {
        left.alive == right.alive && left.controller == right.controller && left.topics == right.topics
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.alive)
    }
}

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

    /// What Kafka 3.9 offers of the requests that are answered here.
    package static let versions: [Int16: ClosedRange<Int16>] = [
        2: 0...9, 3: 0...12, 9: 0...9, 16: 0...5, 18: 0...4, 32: 1...4, 46: 0...0, 60: 0...1,
    ]

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
        var versions = Self.versions
        versions[api] = 0...version
        return KafkaAnswers(scene: scene, id: id, ports: [:], versions: versions).body(api, version, body)
    }

    // MARK: Serving

    private func serve(_ connection: ScriptedConnection, as id: Int32) {
        while let head = connection.bytes(4) {
            let length = head.reduce(0) { $0 << 8 | Int($1) }
            guard length < 1 << 20, let request = connection.bytes(length) else { return }
            var words = KafkaWords(request, isFlexible: false)
            let api = words.number(Int16.self)
            let version = words.number(Int16.self)
            let number = words.number(Int32.self)
            let client = words.text() ?? ""
            let (scene, trouble, offered, ports) = self.state.withLock { state in
                state.asked[id, default: []].append("\(api)v\(version)")
                return (
                    state.stale[id] ?? state.scene, state.trouble[id]?[api], state.versions[id], state.ports
                )
            }
            var versions = offered ?? Self.versions
            if offered == nil, scene.voters != nil { versions[55] = 0...2 }
            let answers = KafkaAnswers(scene: scene, id: id, ports: ports, versions: versions)
            let body = answers.body(api, version, request.dropFirst(10 + client.utf8.count))
            switch trouble {
            case nil: connection.send(Self.frame(number, api, version, body))
            case .silence:
                connection.waitUntilClosed()
                return
            case .hangUp: return
            case .cut(let count):
                connection.send(Array(Self.frame(number, api, version, body).prefix(count)))
                return
            case .stall(let count):
                connection.send(Array(Self.frame(number, api, version, body).prefix(count)))
                connection.waitUntilClosed()
                return
            case .wrongNumber: connection.send(Self.frame(number &+ 7, api, version, body))
            case .bytes(let bytes): connection.send(bytes)
            case .body(let bytes): connection.send(Self.frame(number, api, version, bytes))
            }
        }
    }

    private static func frame(_ number: Int32, _ api: Int16, _ version: Int16, _ body: [UInt8]) -> [UInt8] {
        var message = KafkaBytes()
        message.add(number)
        if api != 18, KafkaAnswers.isFlexible(api, version) { message.add(raw: [0]) }
        message.add(raw: body)
        return message.frame
    }
}
