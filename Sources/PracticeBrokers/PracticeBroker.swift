// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Synchronization

/// A broker of the practice cluster: it takes connections and tells what a broker would, and there is nothing behind it.
///
/// It is a process that does nothing else, so that each connection has a thread that waits.
package final class PracticeBroker: Sendable {
    package struct Setting: Sendable {
        package var id: Int32
        package var clusterID: String
        /// Where the brokers of the cluster leave word for one another; see ``BrokerHall``.
        package var folder: String
        /// All brokers of the cluster, this one included.
        package var places: [Int32: KafkaPlace]

        package init(id: Int32, clusterID: String, folder: String, places: [Int32: KafkaPlace]) {
            self.id = id
            self.clusterID = clusterID
            self.folder = folder
            self.places = places
        }
    }

    /// Connections at once; what comes beyond is closed.
    private static let connectionLimit = 64
    /// Seconds for which a connection may say nothing.
    private static let patience = 60
    /// Bytes of the longest request; a look at a large cluster is some thousands.
    private static let requestLimit = 1 << 20

    private struct State {
        var connections: Set<Int32> = []
        var isStopped = false
    }

    private let setting: Setting
    private let hall: BrokerHall
    private let membership: Int32
    private let listener: Int32
    private let state = Mutex(State())

    /// Listens at its place, and then counts as alive; a place that is taken refuses.
    package init(_ setting: Setting) throws(BrokerHall.Refusal) {
        guard let place = setting.places[setting.id] else {
            throw BrokerHall.Refusal(description: "the broker \(setting.id) is none of those that are named")
        }
        let hall = BrokerHall(folder: setting.folder, brokers: setting.places.keys)
        let listener = try Self.listen(place)
        do throws(BrokerHall.Refusal) {
            self.membership = try hall.enter(setting.id)
        } catch {
            close(listener)
            throw error
        }
        self.setting = setting
        self.hall = hall
        self.listener = listener
        Thread.detachNewThread { self.accept() }
    }

    /// Hangs up on everybody, listens no more and is dead for the others.
    package func stop() {
        let isFirst = self.state.withLock { state in
            defer { state.isStopped = true }
            for connection in state.connections {
                shutdown(connection, Int32(SHUT_RDWR))
            }
            return !state.isStopped
        }
        if isFirst {
            shutdown(self.listener, Int32(SHUT_RDWR))
            close(self.membership)
        }
    }

    private static func listen(_ place: KafkaPlace) throws(BrokerHall.Refusal) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = place.port.bigEndian
        guard inet_pton(AF_INET, place.host, &address.sin_addr) == 1 else {
            throw BrokerHall.Refusal(description: "'\(place.host)' is no IPv4 address")
        }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        let isListening = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bound in
                bind(descriptor, bound, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                    && Foundation.listen(descriptor, 128) == 0
            }
        }
        guard isListening else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw BrokerHall.Refusal(description: "cannot listen on \(place.host):\(place.port): \(reason)")
        }
        return descriptor
    }

    // MARK: Serving

    private func accept() {
        while true {
            let connection = Foundation.accept(self.listener, nil, nil)
            guard connection >= 0 else {
                if self.state.withLock(\.isStopped) || errno != EINTR && errno != ECONNABORTED {
                    break
                }
                continue
            }
            let isWelcome = self.state.withLock { state in
                guard !state.isStopped, state.connections.count < Self.connectionLimit else {
                    return false
                }
                state.connections.insert(connection)
                return true
            }
            guard isWelcome else {
                close(connection)
                continue
            }
            Thread.detachNewThread {
                self.serve(connection)
                self.state.withLock { _ = $0.connections.remove(connection) }
                close(connection)
            }
        }
        close(self.listener)
    }

    private func serve(_ connection: Int32) {
        var patience = timeval(tv_sec: Self.patience, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        while let head = Self.read(4, from: connection) {
            let length = head.reduce(0) { $0 << 8 | Int($1) }
            guard length <= Self.requestLimit, let bytes = Self.read(length, from: connection),
                let call = KafkaCall(bytes), Self.write(self.answer(to: call), to: connection)
            else {
                return
            }
        }
    }

    private func answer(to call: KafkaCall) -> [UInt8] {
        let alive = self.hall.alive
        let scene = KafkaScene(
            practising: self.setting.clusterID,
            brokers: self.hall.brokers,
            alive: alive,
            controller: self.hall.controller(of: alive)
        )
        let answers = KafkaAnswers(scene: scene, id: self.setting.id, places: self.setting.places)
        return call.frame(answers.body(call.api, call.version, call.body))
    }

    private static func read(_ count: Int, from connection: Int32) -> [UInt8]? {
        guard count > 0 else {
            return []
        }
        var bytes = [UInt8](repeating: 0, count: count)
        let read = bytes.withUnsafeMutableBytes { recv(connection, $0.baseAddress, count, Int32(MSG_WAITALL)) }
        return read == count ? bytes : nil
    }

    private static func write(_ bytes: [UInt8], to connection: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else {
                return false
            }
            rest.removeFirst(sent)
        }
        return true
    }
}
