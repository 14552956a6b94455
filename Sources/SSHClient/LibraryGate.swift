// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibssh
internal import Glibc
internal import Synchronization

/// Keeps threads out of libssh once the process ends.
///
/// `exit` takes apart what libssh and the library below it share, while threads that nobody has ended run on into it. So each of ours
/// enters here before it calls libssh, and leaves before it waits for anything. Who comes when the process ends already stays outside
/// for good.
enum LibraryGate {
    private struct State {
        var inside = 0
        var isClosed = false
    }

    private static let state = Mutex(State())
    /// How long the process waits for those inside.
    ///
    /// They never block, so it is a few milliseconds; only the work on a key's passphrase is longer.
    private static let patienceMilliseconds = 5_000

    /// Has `exit` close the gate; to be called before libssh is used, by as many as like.
    static func prepare() {
        self.closesAtExit
    }

    private static let closesAtExit: Void = {
        // What is registered last is called first. A random byte makes sure that the libraries have registered theirs.
        var byte: UInt8 = 0
        ssh_init()
        unsafe ssh_get_random(&byte, 1, 0)
        atexit { LibraryGate.close() }
    }()

    static func enter() {
        guard self.enterIfOpen() else {
            while true {
                pause()
            }
        }
    }

    static func leave() {
        self.state.withLock { $0.inside -= 1 }
    }

    /// For what may just as well be left undone at the end of a process.
    static func ifOpen(_ body: () -> Void) {
        if self.enterIfOpen() {
            body()
            self.leave()
        }
    }

    private static func enterIfOpen() -> Bool {
        self.state.withLock { state in
            guard !state.isClosed else { return false }
            state.inside += 1
            return true
        }
    }

    private static func close() {
        self.state.withLock { $0.isClosed = true }
        for _ in 0..<self.patienceMilliseconds {
            if self.state.withLock({ $0.inside == 0 }) { return }
            usleep(1_000)
        }
    }
}
