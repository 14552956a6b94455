// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The one thread that all connections live on.
///
/// It sleeps until a socket is ready, a letter has come, or a time is up; then it does what can be done
/// without blocking. Whatever an event changes is settled afterwards, at the end of the turn, so no handler
/// finds the lists that it walks through changed by another.
final class Driver {
    let configuration: SSHClient.Configuration
    let mailbox: Mailbox
    var poller: Poller
    private let preparations: PreparationRoom

    private struct Registration {
        let sleeper: any Sleeper
        /// The earliest entry that the queue holds for it.
        var queued: BootTime?
    }

    private static let mailboxTag: UInt64 = 0

    private var lastID: UInt64 = 0
    private var sleepers: [DeadlineQueue.SleeperID: Registration] = [:]
    private var deadlines = DeadlineQueue()
    private var pools: [SSHHost: HostPool] = [:]
    private var commands: [ObjectIdentifier: Command] = [:]
    private var sessions: [UInt64: Session] = [:]
    private var tunnels: [UInt64: Tunnel] = [:]

    private var poolsToAssign: [HostPool] = []
    private var sessionsToSettle: [Session] = []
    private var sessionsToRevisit: [Session] = []
    private var isEnding = false

    init(_ configuration: SSHClient.Configuration, _ mailbox: Mailbox, _ poller: consuming Poller) {
        self.configuration = configuration
        self.mailbox = mailbox
        self.poller = poller
        self.preparations = PreparationRoom(mailbox: mailbox)
        self.poller.watch(mailbox.descriptor, for: .read, tag: Self.mailboxTag)
    }

    /// To be called inside the ``LibraryGate``.
    func run() {
        while !self.isEnding {
            let revisits = self.sessionsToRevisit
            self.sessionsToRevisit = []
            let deadline = revisits.isEmpty ? self.deadlines.earliest : BootTime(nanoseconds: 0)
            LibraryGate.leave()
            let ready = self.poller.wait(until: deadline)
            LibraryGate.enter()
            for tag in ready {
                if tag == Self.mailboxTag {
                    self.readMail()
                } else {
                    // Already gone if an earlier event of this batch ended it.
                    self.sessions[tag]?.isReady()
                    self.tunnels[tag]?.isReady()
                }
            }
            for session in revisits {
                self.settleLater(session)
            }
            self.wakeSleepers()
            self.settleAll()
        }
        self.mailbox.ended()
    }

    // MARK: Mail

    private func readMail() {
        for letter in self.mailbox.takeAll() {
            switch letter {
            case .run(let request): self.accept(request)
            case .cancel(let ticket): self.cancel(ticket)
            case .signed(let session, let answer): self.sessions[session]?.agentAnswered(answer)
            case .prepared(let host, let result): self.pools[host]?.prepared(result)
            case .shutDown: self.shutDown()
            }
        }
    }

    private func accept(_ request: CommandRequest) {
        let pool = self.pool(for: request.host)
        let command = Command(request, id: self.newID(), pool: pool, driver: self)
        guard !self.isEnding else {
            command.fail(Self.shutDownError)
            return
        }
        self.commands[ObjectIdentifier(request.ticket)] = command
        self.register(command, command.id)
        self.schedule(command.id)
        // A caller may be cancelled before its letter arrives.
        guard !request.ticket.isCancelled else {
            self.cancel(request.ticket)
            return
        }
        pool.add(command)
    }

    private func cancel(_ ticket: CommandTicket) {
        guard let command = self.commands[ObjectIdentifier(ticket)] else { return }
        let session = command.session
        let label = command.request.host.label
        command.pool.withdraw(command)
        command.fail(
            SSHError(
                .cancelled,
                command.mayHaveStarted
                    ? "the command on \(label) was given up; it may still be running there"
                    : "the command for \(label) was given up before it was sent"
            )
        )
        session?.release(command)
        self.assignLater(command.pool)
    }

    private static let shutDownError = SSHError(.shutDown, "Selfheal is shutting down")

    private func shutDown() {
        self.isEnding = true
        for pool in self.pools.values {
            pool.shutDown(Self.shutDownError)
        }
        for command in Array(self.commands.values) {
            command.fail(Self.shutDownError)
        }
    }

    func pool(for host: SSHHost) -> HostPool {
        if let pool = self.pools[host] {
            return pool
        }
        let pool = HostPool(host, id: self.newID(), driver: self)
        self.pools[host] = pool
        self.register(pool, pool.id)
        return pool
    }

    func sign(_ request: [UInt8], with agent: SSHAgent, for session: Session) {
        self.preparations.sign(request, with: agent, for: session.id)
    }

    func prepare(_ host: SSHHost) {
        self.preparations.prepare(host)
    }

    // MARK: Settling

    func assignLater(_ pool: HostPool) {
        guard !pool.isToBeAssigned else { return }
        pool.isToBeAssigned = true
        self.poolsToAssign.append(pool)
    }

    func settleLater(_ session: Session) {
        guard !session.isToBeSettled else { return }
        session.isToBeSettled = true
        self.sessionsToSettle.append(session)
    }

    /// Has a session settled once more, after others have had their turn.
    func revisit(_ session: Session) {
        self.sessionsToRevisit.append(session)
    }

    private func settleAll() {
        // Each round uses up waiting commands, free places or connections, and all three are limited.
        while !self.isEnding {
            if let pool = self.poolsToAssign.popLast() {
                pool.isToBeAssigned = false
                pool.assign()
            } else if let session = self.sessionsToSettle.popLast() {
                session.isToBeSettled = false
                session.settle()
            } else {
                return
            }
        }
    }

    // MARK: Registers

    func newID() -> UInt64 {
        self.lastID += 1
        return self.lastID
    }

    func register(_ sleeper: any Sleeper, _ id: DeadlineQueue.SleeperID) {
        self.sleepers[id] = Registration(sleeper: sleeper)
    }

    func register(_ session: Session) {
        self.sessions[session.id] = session
        self.register(session, session.id)
    }

    func forget(_ session: Session) {
        self.sessions[session.id] = nil
        self.sleepers[session.id] = nil
    }

    func register(_ tunnel: Tunnel) {
        self.tunnels[tunnel.id] = tunnel
    }

    func forget(_ tunnel: Tunnel) {
        self.tunnels[tunnel.id] = nil
    }

    func forget(_ command: Command) {
        self.commands[ObjectIdentifier(command.request.ticket)] = nil
        self.sleepers[command.id] = nil
        self.mailbox.commandFinished()
    }

    func dropIfUnused(_ pool: HostPool) {
        guard pool.isUnused else { return }
        self.pools[pool.host] = nil
        self.sleepers[pool.id] = nil
    }

    // MARK: Time

    /// Entries for those that are gone may outnumber the others by this before the queue is built anew.
    private static let staleFactor = 4

    /// Makes sure that a sleeper is woken when it wants to be.
    func schedule(_ id: DeadlineQueue.SleeperID) {
        guard let registration = self.sleepers[id], let moment = registration.sleeper.wakeAt else { return }
        // An earlier entry will ask again.
        if let queued = registration.queued, queued <= moment {
            return
        }
        self.sleepers[id]?.queued = moment
        self.deadlines.insert(id, at: moment)
        if self.deadlines.count > 1_024, self.deadlines.count > Self.staleFactor * self.sleepers.count {
            self.deadlines.rebuild(
                from: self.sleepers.compactMap { id, registration in registration.queued.map { (id, $0) } }
            )
        }
    }

    private func wakeSleepers() {
        let now = BootTime.now()
        while let id = self.deadlines.popDue(now: now) {
            guard let registration = self.sleepers[id] else { continue }
            self.sleepers[id]?.queued = nil
            if let moment = registration.sleeper.wakeAt, moment <= now {
                registration.sleeper.wake(now: now)
            } else {
                self.schedule(id)
            }
        }
    }
}
