// Selfheal
// SPDX-License-Identifier: Apache-2.0

import GRDB
import Synchronization

/// Makes the work of many callers durable with as few flushes of the disk as possible.
///
/// ```
///     caller ──▶ pending ──▶ one transaction, one flush ──▶ every caller of the group goes on
/// ```
///
/// While one transaction is being flushed, callers queue up; all of them share the next. So a single run pays one
/// flush per append, and two hundred runs together pay hardly more. There is one connection that writes and
/// checkpoints, and it is used on its own queue only: the blocking never reaches Swift's cooperative threads.
///
/// After SQLite reports any failure, nothing more is accepted: when a flush has failed once, the kernel may have
/// dropped the pages, and a second flush that succeeds proves nothing. The work of the failed group may or may not
/// be on disk; only opening the store anew tells.
final class GroupCommitter: Sendable {
    typealias Completion = @Sendable (StoreError?) -> Void

    private struct Call {
        let work: JournalWriter.Work
        let completion: Completion
    }

    private struct Inbox {
        var pending: [Call] = []
        /// Callers that wait for room in `pending`.
        var waiting: [CheckedContinuation<Void, Never>] = []
        var isDraining = false
        /// Set once, never cleared: a failed write, or the store was closed.
        var fault: StoreError?
    }

    private let database: DatabaseQueue
    private let folder: StoreFolder
    private let faults: StoreFaults
    private let inbox = Mutex(Inbox())
    /// Used on the database's queue only; the mutex says so to the compiler and is never contended.
    private let writer = Mutex(JournalWriter())

    init(_ database: DatabaseQueue, folder: StoreFolder, faults: StoreFaults) {
        self.database = database
        self.folder = folder
        self.faults = faults
    }

    /// Returns when the work is on disk, or was refused.
    ///
    /// A cancelled task waits all the same: it must learn whether its record is durable.
    func perform(_ work: JournalWriter.Work) async throws(StoreError) {
        await self.waitForRoom()
        let refusal = await withCheckedContinuation { (continuation: CheckedContinuation<StoreError?, Never>) in
            self.submit(work) { continuation.resume(returning: $0) }
        }
        if let refusal {
            throw refusal
        }
    }

    /// Refuses new work, waits for what was accepted, and closes the connection.
    func close() async {
        self.inbox.withLock { inbox in
            if inbox.fault == nil {
                inbox.fault = .closed(self.folder.path)
            }
        }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            // The database's queue is serial: this runs after the drain that is under way, if any.
            self.database.asyncWriteWithoutTransaction { _ in continuation.resume() }
        }
        try? self.database.close()
    }

    func durability() async throws(StoreError) -> Durability {
        do {
            return try await self.database.writeWithoutTransaction { try Durability.read($0) }
        } catch {
            throw .reading(from: self.folder.database, error)
        }
    }

    /// Closes the connection when nobody can be waiting for an answer any more.
    func abandon() {
        try? self.database.close()
    }

    private func waitForRoom() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let hasRoom = self.inbox.withLock { inbox in
                guard inbox.pending.count >= JournalLimits.pendingCalls, inbox.fault == nil else {
                    return true
                }
                inbox.waiting.append(continuation)
                return false
            }
            if hasRoom {
                continuation.resume()
            }
        }
    }

    private func submit(_ work: JournalWriter.Work, completion: @escaping Completion) {
        let (fault, mustStart) = self.inbox.withLock { inbox -> (StoreError?, Bool) in
            if let fault = inbox.fault {
                return (fault, false)
            }
            inbox.pending.append(Call(work: work, completion: completion))
            defer { inbox.isDraining = true }
            return (nil, !inbox.isDraining)
        }
        if let fault {
            completion(fault)
        } else if mustStart {
            self.database.asyncWriteWithoutTransaction { self.drain($0) }
        }
    }

    private func drain(_ database: Database) {
        while let group = self.nextGroup() {
            let refusals = self.commit(group, in: database)
            for (call, refusal) in zip(group, refusals) {
                call.completion(refusal)
            }
        }
    }

    /// The calls that share the next transaction; `nil` when there are none, and the next caller starts anew.
    private func nextGroup() -> [Call]? {
        let (group, admitted) = self.inbox.withLock { inbox -> ([Call]?, [CheckedContinuation<Void, Never>]) in
            guard !inbox.pending.isEmpty else {
                inbox.isDraining = false
                return (nil, [])
            }
            var weight = inbox.pending[0].work.weight
            let others = inbox.pending.dropFirst().prefix { call in
                weight = weight + call.work.weight
                return weight.fitsTransaction
            }
            let count = 1 + others.count
            let group = Array(inbox.pending.prefix(count))
            inbox.pending.removeFirst(count)
            let admitted = Array(inbox.waiting.prefix(count))
            inbox.waiting.removeFirst(admitted.count)
            return (group, admitted)
        }
        for continuation in admitted {
            continuation.resume()
        }
        return group
    }

    /// What to tell each caller: nothing if its work is durable.
    private func commit(_ group: [Call], in database: Database) -> [StoreError?] {
        do {
            try PreparedWrite("BEGIN IMMEDIATE", in: database).execute()
            let refusals = try self.writer.withLock { writer in
                try group.map { try writer.perform($0.work, in: database) }
            }
            try self.faults.beforeCommit?()
            try PreparedWrite("COMMIT", in: database).execute()
            return refusals
        } catch {
            // Its own failure changes nothing: the store is done with, and SQLite rolls back at the next start.
            try? database.execute(sql: "ROLLBACK")
            let fault = StoreError.writing(to: self.folder.database, error)
            return self.fail(group, with: fault)
        }
    }

    private func fail(_ group: [Call], with fault: StoreError) -> [StoreError?] {
        let (behind, waiting) = self.inbox.withLock { inbox in
            inbox.fault = fault
            defer {
                inbox.pending = []
                inbox.waiting = []
            }
            return (inbox.pending, inbox.waiting)
        }
        for continuation in waiting {
            continuation.resume()
        }
        for call in behind {
            call.completion(fault)
        }
        return group.map { _ in fault }
    }
}

/// Where a test makes the disk fail; production uses the empty value.
package struct StoreFaults: Sendable {
    /// Called inside every transaction, right before it is committed; what it throws counts as a failed write.
    package var beforeCommit: (@Sendable () throws -> Void)?
    /// Pages at which SQLite reports a full disk.
    package var pageLimit: Int?

    package init(beforeCommit: (@Sendable () throws -> Void)? = nil, pageLimit: Int? = nil) {
        self.beforeCommit = beforeCommit
        self.pageLimit = pageLimit
    }
}
