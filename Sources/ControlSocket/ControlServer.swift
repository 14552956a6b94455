// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Glibc
internal import Synchronization

/// One request, as its client sent it.
package struct ControlRequest: Hashable, Sendable {
    /// JSON text; this module does not look inside.
    package var body: [UInt8]

    package init(body: [UInt8]) {
        self.body = body
    }
}

package enum ControlReply: Sendable {
    case single([UInt8])
    /// Sent as the elements come, until the stream ends or the client hangs up.
    ///
    /// A client that reads slowly slows the reading of the stream, so its producer chooses what to do about
    /// what piles up: an `AsyncStream` has a buffering policy for that.
    case stream(AsyncStream<[UInt8]>)
}

/// The engine's side of the control socket.
///
/// All sockets belong to one serial queue, which never blocks: a client that is slow, silent or half gone costs a
/// connection and nothing else. Handlers run in tasks of their own.
package final class ControlServer: Sendable {
    package typealias Handler = @Sendable (ControlRequest, ControlPeer) async -> ControlReply

    package let path: String
    private let listener: ControlListener

    private init(path: String, listener: ControlListener) {
        self.path = path
        self.listener = listener
    }

    deinit {
        self.listener.stop(grace: .zero)
    }

    /// Listens at a path, in place of whatever socket an earlier engine left there.
    ///
    /// Only the holder of the store's lock may call this: it takes a live engine's socket away just as well.
    package static func start(
        path: String,
        limits: ControlLimits = ControlLimits(),
        handler: @escaping Handler
    ) throws(ControlError) -> ControlServer {
        try self.removeStale(path)
        let descriptor = try UnixSocket.make()
        do {
            try UnixSocket.listen(descriptor, at: path)
        } catch {
            close(descriptor)
            throw error
        }
        let listener = ControlListener(descriptor, limits: limits, handler: handler)
        listener.start()
        return ControlServer(path: path, listener: listener)
    }

    /// Removes the socket, lets those who wait for an answer have it for as long as `grace`, then hangs up on everybody and cancels their
    /// handlers.
    ///
    /// Returns when no further request can arrive.
    package func stop(grace: Duration = .seconds(2)) async {
        unsafe unlink(self.path)
        await withCheckedContinuation { continuation in
            self.listener.stop(grace: grace) { continuation.resume() }
        }
    }

    private static func removeStale(_ path: String) throws(ControlError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            return
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ControlError(.system, "\(path) is in the way of the control socket and is not a socket; move it away")
        }
        unsafe unlink(path)
    }
}
