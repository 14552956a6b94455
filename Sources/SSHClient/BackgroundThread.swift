// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Starts plain threads for what must not run on Swift's cooperative pool.
enum BackgroundThread {
    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Returns `false` if the system has no thread to give.
    static func start(name: String, _ run: @escaping @Sendable () -> Void) -> Bool {
        var attributes = pthread_attr_t()
        guard unsafe pthread_attr_init(&attributes) == 0 else { return false }
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        let context = unsafe Unmanaged.passRetained(Body(name: name, run: run))
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread,
            &attributes,
            { context in
                guard let context = unsafe context else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
                // Signals are the main thread's business.
                var all = sigset_t()
                unsafe sigfillset(&all)
                unsafe pthread_sigmask(SIG_BLOCK, &all, nil)
                unsafe clinux_name_thread(body.name)
                body.run()
                return nil
            },
            context.toOpaque()
        )
        if result != 0 {
            unsafe context.release()
        }
        return result == 0
    }
}
