// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ControlSocket
import Foundation
import Testing

/// A folder for one test's control socket, removed with the value.
final class TemporarySocket: Sendable {
    let folder: String

    init(inside subfolder: String = "") throws {
        self.folder = "/tmp/selfheal-control-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: self.folder + subfolder,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        self.path = "\(self.folder)\(subfolder)/control.sock"
    }

    let path: String

    deinit {
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    /// A server that answers with what it was asked.
    func startEcho(limits: ControlLimits = .patient) throws -> ControlServer {
        try self.start(limits: limits) { request, _ in .single(request.body) }
    }

    func start(
        limits: ControlLimits = .patient,
        handler: @escaping ControlServer.Handler
    ) throws -> ControlServer {
        try ControlServer.start(path: self.path, limits: limits, handler: handler)
    }
}

/// How long anything may take here; only a failing test waits for it.
let patience = Duration.seconds(60)

extension ControlLimits {
    /// Hangs up on nobody because the machine is busy.
    static var patient: ControlLimits {
        var limits = ControlLimits()
        limits.requestTime = patience
        limits.replyTime = patience
        return limits
    }
}

/// A client that does not keep to the protocol.
final class RawClient {
    private let descriptor: Int32

    init(_ path: String) throws {
        self.descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
    }

    deinit {
        close(self.descriptor)
    }

    func send(_ bytes: [UInt8]) {
        _ = Glibc.send(self.descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// Blocks until the server hangs up, and returns everything it sent before.
    func readToEnd() async -> [UInt8] {
        let descriptor = self.descriptor
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var all: [UInt8] = []
                var piece = [UInt8](repeating: 0, count: 4096)
                while case let count = recv(descriptor, &piece, piece.count, 0), count > 0 {
                    all += piece[..<count]
                }
                continuation.resume(returning: all)
            }
        }
    }
}

/// What a call threw, if it threw.
func controlError(_ body: () async throws -> Void) async -> ControlError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? ControlError
    }
}
