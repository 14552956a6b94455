// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The connections to one host, and the commands that wait for a place on one.
///
/// Lives on the driver's thread. It decides when to connect, which connection a command gets, and what a
/// failure to connect means for those who wait.
final class HostPool: Sleeper {
    /// How often a connection that is dropped before it is of use is tried again.
    ///
    /// sshd drops connections at random when many are made at once.
    static let connectAttempts = 5
    /// How often a command may be turned away for want of a channel.
    static let refusalLimit = 8
    /// How long addresses and key are good for.
    static let preparationAge = Duration.seconds(2)

    private enum Preparation {
        case none
        case underway
        case ready(PreparedHost, at: BootTime)
    }

    let id: DeadlineQueue.SleeperID
    let host: SSHHost
    private unowned let driver: Driver
    private var waiting: [Command] = []
    /// Ways to hosts behind this one.
    private var waitingWays: [Tunnel] = []
    private(set) var sessions: [Session] = []
    /// Kept for the driver.
    var isToBeAssigned = false
    /// How many commands one connection to this host takes, as far as we know.
    private(set) var channelsPerSession: Int
    private var preparation = Preparation.none
    /// Until when we wait for the preparation.
    private var preparationDeadline: BootTime?
    private var failedConnects = 0
    private var noConnectBefore: BootTime?

    init(_ host: SSHHost, id: DeadlineQueue.SleeperID, driver: Driver) {
        self.host = host
        self.id = id
        self.driver = driver
        self.channelsPerSession = driver.configuration.channelsPerSession
    }

    var isUnused: Bool {
        guard case .underway = self.preparation else { return !self.hasWaiting && self.sessions.isEmpty }
        return false
    }

    // MARK: Commands

    var hasWaiting: Bool { !self.waiting.isEmpty || !self.waitingWays.isEmpty }

    func add(_ command: Command) {
        self.waiting.append(command)
        self.driver.assignLater(self)
    }

    func add(_ tunnel: Tunnel) {
        self.waitingWays.append(tunnel)
        self.driver.assignLater(self)
    }

    func withdraw(_ tunnel: Tunnel) {
        self.waitingWays.removeAll { $0 === tunnel }
        self.driver.assignLater(self)
    }

    /// Puts a command that lost its place back to the front, since it has waited longest.
    func putBack(_ command: Command) {
        command.session = nil
        self.waiting.insert(command, at: 0)
        self.driver.assignLater(self)
    }

    func withdraw(_ command: Command) {
        self.waiting.removeAll { $0 === command }
    }

    func timeIsUp(for command: Command) {
        // With no connection underway there are some, and all are full.
        let phase = self.sessions.compactMap(\.phase).first ?? (self.isPreparing ? .resolve : .queue)
        self.withdraw(command)
        command.failByTime(in: phase)
    }

    /// Gives waiting commands to connections, and makes connections for those that remain.
    func assign() {
        while let tunnel = self.waitingWays.first, let session = self.sessions.first(where: { $0.freeWays > 0 }) {
            self.waitingWays.removeFirst()
            session.start(tunnel)
        }
        while let command = self.waiting.first, let session = self.freestSession() {
            self.waiting.removeFirst()
            session.start(command)
        }
        self.connectIfNeeded()
        self.driver.dropIfUnused(self)
    }

    private func freestSession() -> Session? {
        self.sessions.filter { $0.freePlaces > 0 }.max { $0.freePlaces < $1.freePlaces }
    }

    // MARK: Connections

    private var isPreparing: Bool {
        if case .underway = self.preparation { true } else { false }
    }

    private func connectIfNeeded() {
        let configuration = self.driver.configuration
        let connecting = self.sessions.count { $0.isConnecting }
        let ways = self.waitingWays.isEmpty || connecting > 0 ? 0 : 1
        let shortfall = max(self.waiting.count - connecting * self.channelsPerSession, ways)
        guard shortfall > 0, self.sessions.count < configuration.sessionsPerHost else { return }
        let now = BootTime.now()
        if let noConnectBefore = self.noConnectBefore, now < noConnectBefore {
            self.driver.schedule(self.id)
            return
        }
        self.noConnectBefore = nil
        switch self.preparation {
        case .underway:
            if self.preparationDeadline == nil {
                self.awaitPreparation(now: now)
            }
        case .ready(let prepared, let moment) where now < moment + Self.preparationAge:
            let wanted = (shortfall + self.channelsPerSession - 1) / self.channelsPerSession
            for _ in 0..<min(wanted, configuration.sessionsPerHost - self.sessions.count) {
                self.connect(prepared)
            }
        case .none, .ready:
            self.preparation = .underway
            self.awaitPreparation(now: now)
            self.driver.prepare(self.host)
        }
    }

    private func awaitPreparation(now: BootTime) {
        self.preparationDeadline = now + self.host.connectTimeout
        self.driver.schedule(self.id)
    }

    func prepared(_ result: Result<PreparedHost, SSHError>) {
        self.preparationDeadline = nil
        switch result {
        case .success(let prepared):
            self.preparation = .ready(prepared, at: BootTime.now())
            self.driver.assignLater(self)
        case .failure(let error):
            self.preparation = .none
            self.driver.mailbox.count { $0.connectsFailed += 1 }
            self.giveUp(error)
        }
    }

    private func connect(_ prepared: PreparedHost) {
        let session = Session(prepared, pool: self, driver: self.driver)
        self.sessions.append(session)
        session.begin()
    }

    /// The server would open no more channels than these on one connection.
    func learn(channelsPerSession count: Int) {
        self.channelsPerSession = max(1, min(self.channelsPerSession, count))
    }

    /// The connection can take commands.
    func sessionOpened(_ session: Session) {
        self.failedConnects = 0
        self.driver.assignLater(self)
    }

    /// The connection is gone; `failure` says why if it never was of use.
    func sessionEnded(_ session: Session, _ failure: Session.Failure?) {
        self.sessions.removeAll { $0 === session }
        self.driver.assignLater(self)
        guard let failure else { return }
        let now = BootTime.now()
        // Those that fail together count as one failure.
        if now >= self.noConnectBefore ?? now {
            self.failedConnects += 1
        }
        if failure.isWorthRepeating, self.failedConnects < Self.connectAttempts {
            // Staggered by the connection's number, so that those which were dropped together return apart.
            let spread = Int(session.id % 8) * 15
            self.noConnectBefore = now + .milliseconds(100 << (self.failedConnects - 1) + spread)
        } else if self.sessions.contains(where: { !$0.isConnecting }) {
            // There is a way to the host, only not a further one.
            self.noConnectBefore = now + .seconds(1)
        } else {
            self.failedConnects = 0
            self.giveUp(failure.error)
        }
    }

    private func giveUp(_ error: SSHError) {
        let failed = self.waiting
        self.waiting = []
        for command in failed {
            command.fail(error)
        }
        let ways = self.waitingWays
        self.waitingWays = []
        for tunnel in ways {
            tunnel.fail(error)
        }
    }

    /// Ends everything, with what each command is to be told.
    func shutDown(_ error: SSHError) {
        self.giveUp(error)
        for session in self.sessions {
            session.shutDown(error)
        }
    }

    // MARK: Time

    var wakeAt: BootTime? {
        switch (self.preparationDeadline, self.hasWaiting ? self.noConnectBefore : nil) {
        case (let one?, let other?): min(one, other)
        case (let one, let other): one ?? other
        }
    }

    func wake(now: BootTime) {
        if let deadline = self.preparationDeadline, deadline <= now {
            // The thread that waits for the resolver goes on; whatever it brings is for those who come later.
            self.preparationDeadline = nil
            self.driver.assignLater(self)
            let limit = self.host.connectTimeout.inSeconds
            self.giveUp(
                SSHError(
                    .timedOut(.resolve),
                    "the name of \(self.host.label) did not resolve within \(limit); check DNS"
                )
            )
            return
        }
        self.assign()
    }
}
