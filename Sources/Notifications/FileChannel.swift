// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Glibc
internal import RunVocabulary

/// One JSON line per notice at the end of a file, for practice and for tests.
struct FileChannel: Channel {
    private let path: String
    /// Disks can be slow, and Swift's own threads are few.
    private let queue: DispatchQueue

    init(path: String) throws(ChannelProblem) {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw ChannelProblem("its path is not absolute; begin it with '/'")
        }
        self.path = path
        self.queue = DispatchQueue(label: "notifications.file")
    }

    func send(_ notice: Notice, timeout: Duration) async throws(ChannelFailure) -> String? {
        let line = notice.presentable.json.bytes + [UInt8(ascii: "\n")]
        let path = self.path
        let failure: ChannelFailure? = await withCheckedContinuation { continuation in
            self.queue.async {
                continuation.resume(returning: Self.append(line, to: path))
            }
        }
        if let failure { throw failure }
        return nil
    }

    /// Returns what went wrong, if anything did.
    private static func append(_ line: [UInt8], to path: String) -> ChannelFailure? {
        // Our own stderr may be a socket, which cannot be opened by name. Not waiting for a reader, in case the path is
        // a pipe.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK
        let file = path == "/dev/stderr" ? dup(STDERR_FILENO) : open(path, flags, 0o600)
        guard file >= 0 else {
            let message = "cannot open '\(path)' (\(Self.reason(errno))); check the path and its rights"
            return ChannelFailure(message: message, isRetriable: false)
        }
        defer { close(file) }
        var rest = line[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                // Part of the line may stand there.
                let message = "cannot write to '\(path)' (\(Self.reason(errno))); check the space and the file"
                return ChannelFailure(message: message, isRetriable: false, mayHaveArrived: rest.count < line.count)
            }
            rest.removeFirst(count)
        }
        return nil
    }

    private static func reason(_ code: CInt) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
