// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A POSIX thread, since libcurl must not be driven from Swift's own few.
enum DriverThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    /// Runs `run` on a new thread, or returns `false` if the system has none left.
    static func start(_ run: @escaping @Sendable () -> Void) -> Bool {
        // Released by the new thread, if there is one.
        let body = unsafe Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread,
            nil,
            { context in
                guard let context = unsafe context else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
                // Signals belong to the main program; threads that libcurl makes to resolve names inherit this.
                var signals = sigset_t()
                unsafe sigfillset(&signals)
                unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
                body.run()
                return nil
            },
            unsafe body.toOpaque()
        )
        guard code == 0 else {
            unsafe body.release()
            return false
        }
        pthread_detach(thread)
        return true
    }
}
