// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A job as the driver sees it; touched by the driver's thread alone.
///
/// ```
///   lookingUp ──▶ waiting ──▶ connecting ──▶ transferring ──▶ finished
///                    ▲             │ next address
///                    └─────────────┘
/// ```
///
/// Every state can also be left for `finished` by the deadline, a cancellation or the driver's end. A job on a socket
/// that is already open starts in `transferring`.
final class SocketJob: HasDeadline {
    enum Stage {
        case lookingUp
        /// For a place among the open sockets.
        case waiting
        case connecting
        case transferring
        case finished
    }

    let request: JobRequest
    var stage: Stage = .waiting
    var deadline: MonotonicTime
    var heapIndex: Int?
    /// The address being tried is the first.
    var addresses: [SocketAddress] = []
    /// The worst thing an earlier address of the same name said.
    var failure: SocketReply.Outcome?
    var socket: DriverSocket?
    var attemptBegan: MonotonicTime?
    var connectDuration: Duration?
    var sentCount = 0
    var received: [UInt8] = []

    init(_ request: JobRequest) {
        self.request = request
        self.deadline = request.deadline
    }

    /// Keeps the outcome that says least about the target.
    ///
    /// One address of a name may refuse while another stays silent; then the name as a whole is not known to be down.
    func note(_ outcome: SocketReply.Outcome) -> SocketReply.Outcome {
        let worst = self.failure.map { Self.rank($0) > Self.rank(outcome) ? $0 : outcome } ?? outcome
        self.failure = worst
        return worst
    }

    private static func rank(_ outcome: SocketReply.Outcome) -> Int {
        switch outcome {
        case .timedOut: 3
        case .unreachable, .reset: 2
        case .refused: 1
        // Our own lack of a route for one address family says nothing about the other.
        default: 0
        }
    }
}

/// An open descriptor and the job that uses it now, if any.
final class DriverSocket {
    let descriptor: Int32
    let token: SocketToken
    var job: SocketJob?

    init(descriptor: Int32, token: SocketToken) {
        self.descriptor = descriptor
        self.token = token
    }
}

/// The open sockets by place, each place with a generation.
struct SocketTable {
    private struct Place {
        var generation: UInt32 = 0
        var socket: DriverSocket?
    }

    private var places: [Place] = []
    private var free: [UInt32] = []

    var openCount: Int { self.places.count - self.free.count }
    var all: [DriverSocket] { self.places.compactMap(\.socket) }

    subscript(token: SocketToken) -> DriverSocket? {
        guard Int(token.index) < self.places.count else { return nil }
        let place = self.places[Int(token.index)]
        return place.generation == token.generation ? place.socket : nil
    }

    mutating func insert(descriptor: Int32) -> DriverSocket {
        let index: UInt32
        if let reused = self.free.popLast() {
            index = reused
            self.places[Int(index)].generation &+= 1
        } else {
            index = UInt32(self.places.count)
            self.places.append(Place())
        }
        let token = SocketToken(index: index, generation: self.places[Int(index)].generation)
        let socket = DriverSocket(descriptor: descriptor, token: token)
        self.places[Int(index)].socket = socket
        return socket
    }

    mutating func remove(_ socket: DriverSocket) {
        self.places[Int(socket.token.index)].socket = nil
        self.free.append(socket.token.index)
    }
}
