// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Asks many TCP ports at once from one thread.
///
/// ``shutdown()`` ends the thread; letting go of the last reference does too, without waiting.
package final class SocketProber: Sendable {
    /// How much is done at a time; what goes beyond waits its turn, first come first served.
    package struct Limits: Hashable, Sendable {
        /// Open sockets, kept connections included.
        ///
        /// Stay well below the open-file limit of the process, which is often 1,024.
        package var sockets: Int
        /// Calls under way or in line; more are answered with `notTried` at once.
        package var outstanding: Int
        /// Threads that may be inside the system's resolver at a time.
        package var lookups: Int

        package init(sockets: Int = 512, outstanding: Int = 16_384, lookups: Int = 4) {
            precondition(sockets > 0 && outstanding > 0 && lookups > 0, "the configuration rejects limits below one")
            self.sockets = sockets
            self.outstanding = outstanding
            self.lookups = lookups
        }
    }

    private let inbox: DriverInbox
    private let limits: Limits
    private let nextID = Atomic<UInt64>(0)

    /// Starts the thread.
    package init(limits: Limits = Limits()) throws(ProbeError) {
        let inbox = try DriverInbox(outstandingLimit: limits.outstanding)
        let poller = try Poller()
        try DriverThread.start { SocketDriver(inbox: inbox, poller: poller, limits: limits).run() }
        self.inbox = inbox
        self.limits = limits
    }

    deinit {
        self.inbox.close()
    }

    /// Answers every call under way with `notTried`, closes every socket and waits for that.
    package func shutdown() async {
        self.inbox.close()
        await self.inbox.waitForEnd()
    }

    /// Asks once; never throws, and returns by the request's time-out.
    package func exchange(_ request: SocketExchange) async -> SocketReply {
        await self.perform(request, at: nil, keepsSocket: false).reply
    }

    /// Opens a connection for a protocol of requests and replies.
    package func connect(
        to address: String,
        port: UInt16,
        timeout: Duration
    ) async throws(SocketFailure) -> SocketConnection {
        let request = SocketExchange(address: address, port: port, until: .connected, timeout: timeout)
        let result = await self.perform(request, at: nil, keepsSocket: true)
        guard let token = result.token else {
            throw SocketFailure(outcome: result.reply.outcome, peer: Self.peer(address, port))
        }
        return SocketConnection(prober: self, token: token, peer: Self.peer(address, port))
    }

    /// Runs one job, on a new socket or an open one.
    func perform(_ exchange: SocketExchange, at token: SocketToken?, keepsSocket: Bool) async -> JobResult {
        let submitted = MonotonicTime.now()
        if let refusal = Self.refusal(of: exchange, isOpen: token != nil) {
            return JobResult(reply: SocketReply(outcome: refusal, totalDuration: .zero))
        }
        let place: JobRequest.Place =
            if let token {
                .open(token)
            } else if let address = SocketAddress(numeric: exchange.address, port: exchange.port) {
                .address(address)
            } else {
                .name(exchange.address, port: exchange.port)
            }
        let id = JobID(rawValue: self.nextID.wrappingAdd(1, ordering: .relaxed).newValue)
        let cancellation = CancellationFlag()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let request = JobRequest(
                    id: id,
                    place: place,
                    send: exchange.send,
                    readLimit: min(max(0, exchange.readLimit), SocketExchange.largestReadLimit),
                    until: exchange.until,
                    submitted: submitted,
                    deadline: submitted.advanced(by: exchange.timeout),
                    keepsSocket: keepsSocket,
                    cancellation: cancellation,
                    continuation: continuation
                )
                if let refusal = self.inbox.submit(request) {
                    let reply = SocketReply(outcome: .notTried(self.text(of: refusal)), totalDuration: .zero)
                    continuation.resume(returning: JobResult(reply: reply))
                }
            }
        } onCancel: {
            cancellation.set()
            self.inbox.post(.cancel(id))
        }
    }

    func close(_ token: SocketToken) {
        self.inbox.post(.close(token))
    }

    private static func refusal(of exchange: SocketExchange, isOpen: Bool) -> SocketReply.Outcome? {
        if case .bytes(let count) = exchange.until,
            count > min(exchange.readLimit, SocketExchange.largestReadLimit)
        {
            return .tooLong
        }
        guard !isOpen else { return nil }
        if exchange.port == 0 { return .notTried("port 0 is not a port; give the port of the service") }
        // A zero byte would end the name early in C, and another host would be asked.
        if exchange.address.isEmpty || exchange.address.utf8.contains(0) {
            return .notTried("the address is empty or holds a zero byte; give a host name or a numeric address")
        }
        return nil
    }

    private func text(of refusal: DriverInbox.Refusal) -> String {
        switch refusal {
        case .full: "\(self.limits.outstanding) probes are already under way or in line; probe less often"
        case .shutDown: "the prober is shut down"
        }
    }

    static func peer(_ address: String, _ port: UInt16) -> String {
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
