// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// The right to be the one engine of a store, held until it is released or let go.
///
/// The kernel drops the lock when the process ends, however it ends. The file stays: removing it would let
/// two engines lock two different files of the same name.
final class EngineLock: Sendable {
    private let descriptor: Mutex<Int32?>

    init(_ folder: StoreFolder) throws(StoreError) {
        let descriptor = open(folder.lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(.cannotOpen, "cannot open \(folder.lock): \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            let pid = Self.readProcess(descriptor)
            close(descriptor)
            guard number == EWOULDBLOCK else {
                throw StoreError(.cannotOpen, "cannot lock \(folder.lock): \(String(cString: strerror(number)))")
            }
            throw .heldByAnotherEngine(folder, pid: pid)
        }
        // For people and for error messages; the lock itself is what counts.
        let text = Array("\(getpid())\n".utf8)
        _ = ftruncate(descriptor, 0)
        _ = pwrite(descriptor, text, text.count, 0)
        self.descriptor = Mutex(descriptor)
    }

    deinit {
        self.release()
    }

    func release() {
        let held = self.descriptor.withLock { descriptor in
            defer { descriptor = nil }
            return descriptor
        }
        if let held {
            _ = ftruncate(held, 0)
            // Closing alone would not do: a child that is between fork and exec still has the descriptor, and with it the lock.
            _ = flock(held, LOCK_UN)
            close(held)
        }
    }

    /// The process number in the lock file; `nil` if its owner has not written it yet.
    private static func readProcess(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? Int32(String(decoding: bytes[..<(count - 1)], as: UTF8.self)) : nil
    }
}

extension StoreError {
    fileprivate static func heldByAnotherEngine(_ folder: StoreFolder, pid: Int32?) -> Self {
        let owner = pid.map { "process \($0)" } ?? "another process"
        return Self(
            .heldByAnotherEngine(pid: pid),
            "\(owner) is the engine of the store in \(folder.path), and a store has one at a time"
        )
    }
}
