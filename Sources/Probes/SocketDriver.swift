// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Drives every socket of a ``SocketProber`` on one thread.
///
/// Created on that thread and never leaves it, so it needs no locks; the ``DriverInbox`` is the only way in. Sockets are
/// registered once, edge triggered: each event is followed by sending and receiving until the kernel has no more.
final class SocketDriver {
    private static let readChunk = 64 << 10
    /// No socket has this token: places are counted from zero and never reach it.
    private static let wakeToken = UInt64.max

    private let inbox: DriverInbox
    private let poller: Poller
    private let limits: SocketProber.Limits
    private var jobs: [JobID: SocketJob] = [:]
    private var deadlines = DeadlineHeap<SocketJob>()
    private var sockets = SocketTable()
    private var waitingForLookup = FIFOQueue<SocketJob>()
    private var waitingForSocket = FIFOQueue<SocketJob>()
    private var lookupsUnderWay = 0
    private var finishedSinceTake = 0
    private var readBuffer: [UInt8]

    init(inbox: DriverInbox, poller: Poller, limits: SocketProber.Limits) {
        self.inbox = inbox
        self.poller = poller
        self.limits = limits
        self.readBuffer = [UInt8](repeating: 0, count: Self.readChunk)
        poller.add(inbox.wakeDescriptor, events: EPOLLIN.rawValue, token: Self.wakeToken)
    }

    func run() {
        var happened: [Poller.Event] = []
        while true {
            let batch = self.inbox.take(finished: self.finishedSinceTake)
            self.finishedSinceTake = 0
            for command in batch.commands { self.handle(command) }
            if batch.isClosing { return self.endEverything() }
            self.expireDeadlines()
            self.startLookups()
            self.startConnections()
            let now = MonotonicTime.now()
            // A job that ended while being started has freed a place for the next one, which is reached by going round.
            let wait = self.finishedSinceTake > 0 ? 0 : self.deadlines.first?.deadline.millisecondsAway(from: now) ?? -1
            self.poller.wait(into: &happened, milliseconds: wait)
            for event in happened { self.handle(event) }
        }
    }

    // MARK: Commands

    private func handle(_ command: DriverCommand) {
        switch command {
        case .begin(let request):
            self.begin(SocketJob(request))
        case .cancel(let id):
            if let job = self.jobs[id] { self.finish(job, .cancelled) }
        case .close(let token):
            if let socket = self.sockets[token] { self.close(socket) }
        case .lookedUp(let id, let lookup):
            self.lookupsUnderWay -= 1
            if let job = self.jobs[id] { self.continueAfterLookup(job, lookup) }
        }
    }

    private func begin(_ job: SocketJob) {
        self.jobs[job.request.id] = job
        // The cancellation may have overtaken the job on its way here.
        guard !job.request.cancellation.isSet else { return self.finish(job, .cancelled) }
        self.deadlines.insert(job)
        switch job.request.place {
        case .address(let address):
            job.addresses = [address]
            self.waitingForSocket.append(job)
        case .name:
            job.stage = .lookingUp
            self.waitingForLookup.append(job)
        case .open(let token):
            guard let socket = self.sockets[token] else {
                return self.finish(job, .notTried("the connection was closed by an earlier failure; open a new one"))
            }
            precondition(socket.job == nil, "a connection is not copyable, so it carries one job at a time")
            job.socket = socket
            socket.job = job
            job.stage = .transferring
            // What came while nobody waited for it told so then, and only once.
            self.transfer(job, over: socket, hasInput: true, hasEnd: true)
        }
    }

    private func continueAfterLookup(_ job: SocketJob, _ lookup: NameLookup) {
        switch lookup {
        case .found(let addresses):
            job.addresses = addresses
            job.stage = .waiting
            self.waitingForSocket.append(job)
        case .notFound:
            self.finish(job, .nameNotFound)
        case .failed(let reason):
            self.finish(job, .unreachable("the name could not be looked up: \(reason)"))
        }
    }

    // MARK: Waiting jobs

    private func expireDeadlines() {
        let now = MonotonicTime.now()
        while let job = self.deadlines.first, job.deadline <= now {
            switch job.stage {
            case .lookingUp: self.finish(job, .timedOut(phase: .lookup))
            case .waiting:
                self.finish(
                    job,
                    job.failure
                        ?? .notTried(
                            "no socket became free in time; raise the socket limit of \(self.limits.sockets) or probe less"
                        )
                )
            case .connecting: self.attemptFailed(job, .timedOut(phase: .connect))
            case .transferring: self.finish(job, .timedOut(phase: .reply))
            case .finished: preconditionFailure("a finished job was taken out of the heap")
            }
        }
    }

    private func startLookups() {
        while self.lookupsUnderWay < self.limits.lookups, let job = self.waitingForLookup.popFirst() {
            guard job.stage == .lookingUp, case .name(let name, let port) = job.request.place else { continue }
            let id = job.request.id
            let inbox = self.inbox
            do throws(ProbeError) {
                try DriverThread.start { inbox.post(.lookedUp(id, NameLookup.resolve(name, port: port))) }
                self.lookupsUnderWay += 1
            } catch {
                self.finish(job, .notTried(error.message))
            }
        }
    }

    private func startConnections() {
        while self.sockets.openCount < self.limits.sockets, let job = self.waitingForSocket.popFirst() {
            if job.stage == .waiting { self.connect(job) }
        }
        // Jobs that ran out of time while waiting stay in line until their turn; under a long stall they could pile up.
        if self.waitingForSocket.count > 2 * max(64, self.jobs.count) {
            self.waitingForSocket.removeAll { $0.stage != .waiting }
        }
        if self.waitingForLookup.count > 2 * max(64, self.jobs.count) {
            self.waitingForLookup.removeAll { $0.stage != .lookingUp }
        }
    }

    // MARK: Connecting

    private func connect(_ job: SocketJob) {
        guard let address = job.addresses.first else { preconditionFailure("a job waits with an address to try") }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { return self.attemptFailed(job, Self.localFailure(clinux_errno())) }
        let socket = self.sockets.insert(descriptor: descriptor)
        socket.job = job
        job.socket = socket
        job.stage = .connecting
        let now = MonotonicTime.now()
        job.attemptBegan = now
        if job.addresses.count > 1 {
            let remaining = job.request.deadline.duration(since: now)
            self.setDeadline(of: job, to: now.advanced(by: remaining / job.addresses.count))
        }
        let status = unsafe address.withAddress { unsafe clinux_connect(descriptor, $0, $1) }
        guard status == 0 || clinux_errno() == EINPROGRESS else {
            return self.attemptFailed(job, Self.connectFailure(clinux_errno()))
        }
        // Registered after connect: a socket that was never connected reports a hang-up.
        let events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        self.poller.add(descriptor, events: events, token: socket.token.packed)
    }

    private func connected(_ job: SocketJob, over socket: DriverSocket, _ event: Poller.Event) {
        var error: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        let status = unsafe getsockopt(socket.descriptor, SOL_SOCKET, SO_ERROR, &error, &length)
        guard status == 0, error == 0 else {
            return self.attemptFailed(job, Self.connectFailure(status == 0 ? error : clinux_errno()))
        }
        if job.addresses[0].isLocalEnd(of: socket.descriptor) { return self.attemptFailed(job, .refused) }
        job.connectDuration = job.attemptBegan.map { MonotonicTime.now().duration(since: $0) }
        job.stage = .transferring
        if job.deadline != job.request.deadline { self.setDeadline(of: job, to: job.request.deadline) }
        if job.request.keepsSocket {
            var yes: Int32 = 1
            // Requests are one write each; waiting for company would only delay them.
            unsafe setsockopt(
                socket.descriptor,
                Int32(IPPROTO_TCP),
                TCP_NODELAY,
                &yes,
                socklen_t(MemoryLayout<Int32>.size)
            )
        }
        self.transfer(job, over: socket, hasInput: event.hasInput, hasEnd: event.hasEnd)
    }

    /// Goes on to the name's next address, or ends with the outcome that says least.
    private func attemptFailed(_ job: SocketJob, _ outcome: SocketReply.Outcome) {
        let worst = job.note(outcome)
        job.addresses.removeFirst()
        guard !job.addresses.isEmpty, MonotonicTime.now() < job.request.deadline else {
            return self.finish(job, worst)
        }
        if let socket = job.socket { self.close(socket) }
        job.socket = nil
        job.stage = .waiting
        self.setDeadline(of: job, to: job.request.deadline)
        self.waitingForSocket.append(job)
    }

    private func setDeadline(of job: SocketJob, to deadline: MonotonicTime) {
        self.deadlines.remove(job)
        job.deadline = min(deadline, job.request.deadline)
        self.deadlines.insert(job)
    }

    // MARK: Sending and receiving

    private func handle(_ event: Poller.Event) {
        guard event.token != Self.wakeToken else {
            var count: eventfd_t = 0
            _ = unsafe eventfd_read(self.inbox.wakeDescriptor, &count)
            return
        }
        // An event of a socket that an earlier event of the same batch closed finds nothing.
        guard let socket = self.sockets[SocketToken(packed: event.token)], let job = socket.job else { return }
        switch job.stage {
        case .connecting: self.connected(job, over: socket, event)
        case .transferring: self.transfer(job, over: socket, hasInput: event.hasInput, hasEnd: event.hasEnd)
        case .lookingUp, .waiting, .finished: preconditionFailure("a job with a socket connects or transfers")
        }
    }

    /// Sends what is left to send and reads what came; what comes later makes an edge of its own.
    private func transfer(_ job: SocketJob, over socket: DriverSocket, hasInput: Bool, hasEnd: Bool) {
        guard self.sendRest(of: job, over: socket) else { return }
        let hasSentAll = job.sentCount == job.request.send.count
        if case .connected = job.request.until {
            if hasSentAll { self.finish(job, .completed) }
            return
        }
        guard hasInput || Self.bytesWanted(by: job) == nil else { return }
        while true {
            guard let wanted = Self.bytesWanted(by: job) else { return self.finish(job, .completed) }
            let count = unsafe self.readBuffer.withUnsafeMutableBytes { buffer in
                unsafe recv(socket.descriptor, buffer.baseAddress, min(buffer.count, wanted), 0)
            }
            if count > 0 {
                job.received.append(contentsOf: self.readBuffer[0..<count])
                if job.received.count > job.request.readLimit {
                    job.received.removeLast(job.received.count - job.request.readLimit)
                    return self.finish(job, .tooLong)
                }
                // Less than there was room for: it was all, and only the end can still be there.
                if count < min(Self.readChunk, wanted), !hasEnd { return }
            } else if count == 0 {
                let isWhole = job.request.until == .end && hasSentAll
                return self.finish(job, isWhole ? .completed : .endedEarly)
            } else if clinux_errno() == EAGAIN {
                return
            } else if clinux_errno() != EINTR {
                return self.finish(job, Self.brokenConnection(clinux_errno()))
            }
        }
    }

    /// Returns whether the job is still alive.
    private func sendRest(of job: SocketJob, over socket: DriverSocket) -> Bool {
        while job.sentCount < job.request.send.count {
            let count = unsafe job.request.send.withUnsafeBytes { bytes in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[job.sentCount...])
                return unsafe send(socket.descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                job.sentCount += count
            } else if clinux_errno() == EAGAIN {
                return true
            } else if clinux_errno() != EINTR {
                self.finish(job, Self.brokenConnection(clinux_errno()))
                return false
            }
        }
        return true
    }

    /// How much may be read now, one byte more than the limit so that too much is noticed; `nil` once enough has come.
    private static func bytesWanted(by job: SocketJob) -> Int? {
        switch job.request.until {
        case .end, .connected: return job.request.readLimit - job.received.count + 1
        case .bytes(let count): return job.received.count < count ? count - job.received.count : nil
        }
    }

    // MARK: Ending

    private func finish(_ job: SocketJob, _ outcome: SocketReply.Outcome) {
        precondition(job.stage != .finished, "a job is finished once")
        job.stage = .finished
        self.deadlines.remove(job)
        self.jobs[job.request.id] = nil
        self.finishedSinceTake += 1
        var token: SocketToken?
        if let socket = job.socket {
            job.socket = nil
            socket.job = nil
            if job.request.keepsSocket, outcome == .completed {
                token = socket.token
            } else {
                self.close(socket)
            }
        }
        let reply = SocketReply(
            outcome: outcome,
            bytes: job.received,
            connectDuration: job.connectDuration,
            totalDuration: MonotonicTime.now().duration(since: job.request.submitted)
        )
        job.request.continuation.resume(returning: JobResult(reply: reply, token: token))
    }

    private func close(_ socket: DriverSocket) {
        self.sockets.remove(socket)
        CLinux.close(socket.descriptor)
    }

    private func endEverything() {
        for job in self.jobs.values.sorted(by: { $0.request.id.rawValue < $1.request.id.rawValue }) {
            self.finish(job, .notTried("the prober is shut down"))
        }
        for socket in self.sockets.all { self.close(socket) }
        self.inbox.markEnded()
    }

    // MARK: What an error number means

    private static func connectFailure(_ code: Int32) -> SocketReply.Outcome {
        switch code {
        case ECONNREFUSED: .refused
        case ETIMEDOUT: .timedOut(phase: .connect)
        case ECONNRESET, EPIPE: .reset
        case ENETUNREACH, EHOSTUNREACH, EHOSTDOWN, ENETDOWN, ENONET: .unreachable(systemErrorText(code))
        default: self.localFailure(code)
        }
    }

    private static func brokenConnection(_ code: Int32) -> SocketReply.Outcome {
        switch code {
        case ECONNRESET, EPIPE, ECONNABORTED: .reset
        case ETIMEDOUT: .timedOut(phase: .reply)
        default: .unreachable(systemErrorText(code))
        }
    }

    private static func localFailure(_ code: Int32) -> SocketReply.Outcome {
        switch code {
        case EMFILE, ENFILE:
            .notTried("no file descriptor left; raise the open-file limit of this process (LimitNOFILE, ulimit -n)")
        case EADDRNOTAVAIL, EAFNOSUPPORT:
            .notTried("this host has no address or free port to connect from: \(systemErrorText(code))")
        case EPERM, EACCES:
            .notTried("this host's own firewall forbids the connection: \(systemErrorText(code))")
        default: .notTried(systemErrorText(code))
        }
    }
}

extension SocketToken {
    init(packed: UInt64) {
        self.init(index: UInt32(truncatingIfNeeded: packed), generation: UInt32(packed >> 32))
    }

    var packed: UInt64 { UInt64(self.generation) << 32 | UInt64(self.index) }
}
