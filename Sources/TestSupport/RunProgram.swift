// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Runs a program without input or output, and waits for its end.
///
/// - Returns: its exit status, or 128 and the number of the signal that ended it.
/// - Throws: `POSIXError` if it cannot be started.
package func runProgram(_ program: String, _ arguments: [String]) throws -> Int32 {
    let status = waitForEnd(of: try startProgram(program, arguments))
    let signal = status & 0x7F
    return signal == 0 ? (status >> 8) & 0xFF : 128 + signal
}

/// Starts a program without input or output; whoever starts it must wait for it.
///
/// Not by Foundation's `Process`: that waits on a run loop, which hangs when tests hold all of Swift's threads at once, and its children begin
/// with every signal blocked.
///
/// - Throws: `POSIXError` if it cannot be started.
package func startProgram(_ program: String, _ arguments: [String]) throws -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in 0...2 {
        posix_spawn_file_actions_addopen(&actions, Int32(descriptor), "/dev/null", O_RDWR, 0)
    }
    let words = ([program] + arguments).map { strdup($0) } + [nil]
    defer {
        for word in words {
            free(word)
        }
    }
    var process = pid_t()
    let failure = posix_spawn(&process, program, &actions, nil, words, environ)
    guard failure == 0 else {
        throw POSIXError(POSIXErrorCode(rawValue: failure) ?? .EIO)
    }
    return process
}

/// Waits for a child's end, and takes it off the list of processes.
///
/// - Returns: what `waitpid` says of it; -1 when it is no child of ours.
@discardableResult
package func waitForEnd(of process: Int32) -> Int32 {
    var status: Int32 = -1
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    return status
}
