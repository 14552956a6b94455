// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Lets tasks run on the driver's thread between its turns.
///
/// A task that sends one command after the other meets its results there without waking any other thread, which on a busy machine takes longer
/// than all else that we do. It must do no more than a few lines between two waits: every host waits for it meanwhile.
final class DriverExecutor: TaskExecutor {
    private let mailbox: Mailbox

    init(_ mailbox: Mailbox) {
        self.mailbox = mailbox
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if !self.mailbox.post(job) {
            self.carryOut(elsewhere: job)
        }
    }

    /// For tasks that live on when the driver's thread has ended.
    func carryOut(elsewhere job: UnownedJob) {
        globalConcurrentExecutor.enqueue(job)
    }

    func carryOut(_ job: UnownedJob) {
        unsafe job.runSynchronously(on: self.asUnownedTaskExecutor())
    }
}
