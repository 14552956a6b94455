// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// Reads known-hosts files, and keeps each until it changes.
final class KnownHostsShelf: Sendable {
    /// How many files are kept; the shelf is emptied when it is full.
    private static let fileLimit = 16
    private static let byteLimit = 16 * 1_024 * 1_024

    private struct Imprint: Hashable {
        let device: UInt
        let inode: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int
    }

    private let files = Mutex<[String: (Imprint, KnownHosts)]>([:])

    /// The host's own pins, and what its file says.
    func pins(for host: SSHHost) throws(SSHError) -> HostKeyPins {
        var pins = HostKeyPins(accepted: host.hostKeys)
        guard let path = host.knownHosts else { return pins }
        let file = try self.file(path, for: host)
        let found: (pins: HostKeyPins, authority: Int?)
        do {
            found = try file.pins(for: host.address, port: host.port)
        } catch {
            throw Self.unusable(path, host, "cannot be understood in line \(error.line): \(error.message)")
        }
        pins.accepted += found.pins.accepted
        pins.revoked = found.pins.revoked
        guard pins.accepted.isEmpty else { return pins }
        let wanted = host.port == 22 ? host.address : "[\(host.address)]:\(host.port)"
        if let line = found.authority {
            throw SSHError(
                .unknownHostKey,
                """
                for \(host.label) '\(path)' names a certificate authority (line \(line)), and host certificates are not \
                supported; add the host's own key
                """
            )
        }
        throw SSHError(
            .unknownHostKey,
            "no key is known for \(host.label): '\(path)' has no line for '\(wanted)'; add one that was checked at its console"
        )
    }

    private func file(_ path: String, for host: SSHHost) throws(SSHError) -> KnownHosts {
        let descriptor = OwnedDescriptor(number: unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY))
        guard descriptor.number >= 0 else {
            throw Self.unusable(path, host, "cannot be opened: \(unsafe String(cString: strerror(errno)))")
        }
        var status = stat()
        guard unsafe fstat(descriptor.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Self.unusable(path, host, "is not a file")
        }
        guard status.st_mode & 0o002 == 0 else {
            throw Self.unusable(path, host, "may be changed by everybody; run 'chmod o-w \(path)'")
        }
        let imprint = Imprint(
            device: UInt(status.st_dev),
            inode: UInt(status.st_ino),
            size: Int(status.st_size),
            seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec
        )
        if let (known, file) = self.files.withLock({ $0[path] }), known == imprint {
            return file
        }
        let text = try Self.read(descriptor, path, host)
        let file: KnownHosts
        do {
            file = try KnownHosts(text)
        } catch {
            throw Self.unusable(path, host, "cannot be understood in line \(error.line): \(error.message)")
        }
        self.files.withLock { files in
            if files.count >= Self.fileLimit {
                files.removeAll()
            }
            files[path] = (imprint, file)
        }
        return file
    }

    private static func read(
        _ file: borrowing OwnedDescriptor,
        _ path: String,
        _ host: SSHHost
    ) throws(SSHError) -> [UInt8] {
        var text: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while text.count <= Self.byteLimit {
            let count = unsafe piece.withUnsafeMutableBytes { bytes in
                unsafe Glibc.read(file.number, bytes.baseAddress, bytes.count)
            }
            guard count >= 0 else {
                throw Self.unusable(path, host, "cannot be read: \(unsafe String(cString: strerror(errno)))")
            }
            guard count > 0 else { return text }
            text += piece.prefix(count)
        }
        throw Self.unusable(path, host, "has more than \(Self.byteLimit) bytes")
    }

    private static func unusable(_ path: String, _ host: SSHHost, _ what: String) -> SSHError {
        SSHError(.knownHostsUnusable, "the known-hosts file '\(path)' for \(host.label) \(what); nothing was sent")
    }
}
