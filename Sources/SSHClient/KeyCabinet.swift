// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// Reads private keys, and keeps each until its file changes.
///
/// Keeping them matters for keys with a passphrase, whose decryption is slow on purpose.
final class KeyCabinet: Sendable {
    /// How many keys are kept; the cabinet is emptied when it is full.
    private static let keyLimit = 64
    /// The largest file that is taken for a key.
    private static let byteLimit = 64 * 1_024

    /// What a file looked like when its key was read.
    private struct Imprint: Hashable {
        let device: UInt
        let inode: UInt
        let size: Int
        let seconds: Int
        let nanoseconds: Int
    }

    private let keys = Mutex<[SSHIdentity: (Imprint, PrivateKey)]>([:])

    func key(for host: SSHHost, _ path: String, _ passphrase: SSHPassphrase?) throws(SSHError) -> PrivateKey {
        let file = OwnedDescriptor(number: unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY))
        guard file.number >= 0 else {
            let reason = unsafe String(cString: strerror(errno))
            let cure = "name the right one as 'identity_file', or make it with 'ssh-keygen'"
            throw Self.unreadable(path, host, "cannot be opened: \(reason); \(cure)")
        }
        let imprint = try self.inspect(file, path, host)
        if let (known, key) = self.keys.withLock({ $0[host.identity] }), known == imprint {
            return key
        }
        let key = try self.read(file, path, passphrase, host)
        self.keys.withLock { keys in
            if keys.count >= Self.keyLimit {
                keys.removeAll()
            }
            keys[host.identity] = (imprint, key)
        }
        return key
    }

    private func inspect(
        _ file: borrowing OwnedDescriptor,
        _ path: String,
        _ host: SSHHost
    ) throws(SSHError) -> Imprint {
        var status = stat()
        guard unsafe fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Self.unreadable(path, host, "is not a file")
        }
        // Like ssh itself, with one addition: a key that everybody can read is refused whoever owns it.
        let isExposed = status.st_uid == geteuid() ? status.st_mode & 0o077 != 0 : status.st_mode & 0o007 != 0
        guard !isExposed else {
            throw Self.unreadable(path, host, "may be read by others; run 'chmod 600 \(path)'")
        }
        return Imprint(
            device: UInt(status.st_dev),
            inode: UInt(status.st_ino),
            size: Int(status.st_size),
            seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec
        )
    }

    private func read(
        _ file: borrowing OwnedDescriptor,
        _ path: String,
        _ passphrase: SSHPassphrase?,
        _ host: SSHHost
    ) throws(SSHError) -> PrivateKey {
        // One byte more than the limit tells a file that is too long; another ends the text.
        var text = [UInt8](repeating: 0, count: Self.byteLimit + 2)
        defer {
            unsafe text.withUnsafeMutableBytes { bytes in
                if let start = bytes.baseAddress {
                    unsafe explicit_bzero(start, bytes.count)
                }
            }
        }
        var length = 0
        while length <= Self.byteLimit {
            let wanted = Self.byteLimit + 1 - length
            let count = unsafe text.withUnsafeMutableBytes { bytes in
                unsafe Glibc.read(file.number, bytes.baseAddress.map { unsafe $0 + length }, wanted)
            }
            guard count >= 0 else {
                let reason = unsafe String(cString: strerror(errno))
                throw Self.unreadable(path, host, "cannot be read: \(reason)")
            }
            guard count > 0 else { break }
            length += count
        }
        guard length <= Self.byteLimit else {
            throw Self.unreadable(path, host, "has more than \(Self.byteLimit) bytes, which no key has")
        }
        guard let key = PrivateKey(text, passphrase) else {
            let hint =
                passphrase == nil
                ? "if it has a passphrase, configure it" : "check that the passphrase is the right one"
            throw Self.unreadable(path, host, "is not a private key in OpenSSH or PEM format; \(hint)")
        }
        return key
    }

    private static func unreadable(_ path: String, _ host: SSHHost, _ what: String) -> SSHError {
        SSHError(.keyFileUnreadable, "the key file '\(path)' for \(host.label) \(what)")
    }
}
