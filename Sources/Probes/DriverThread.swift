// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Starts a thread outside Swift's pool, for work that blocks.
enum DriverThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(run: @escaping @Sendable () -> Void) {
            self.run = run
        }
    }

    /// Runs the body on a new detached thread that takes no signals: those belong to the program's own threads.
    static func start(_ body: @escaping @Sendable () -> Void) throws(ProbeError) {
        let context = unsafe Unmanaged.passRetained(Body(run: body))
        var thread = pthread_t()
        let status = unsafe pthread_create(
            &thread,
            nil,
            { context in
                var signals = sigset_t()
                unsafe sigfillset(&signals)
                unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
                if let context = unsafe context {
                    unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                }
                return nil
            },
            context.toOpaque()
        )
        guard status == 0 else {
            unsafe context.release()
            throw ProbeError(.resourceExhausted, "cannot start a probe thread: \(systemErrorText(status))")
        }
        pthread_detach(thread)
    }
}

/// The kernel's word for an error number.
func systemErrorText(_ code: Int32) -> String {
    // glibc 2.32 and later keep the text per thread.
    unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
}
