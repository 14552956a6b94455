// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibssh

/// Our half of a key pair, in libssh's hands.
///
/// `@unchecked Sendable`: libssh keys have no state of their own after import, and its documentation asks
/// only that one object is not used by two threads at once. The key is made on one thread, published through
/// a lock, and afterwards read by the driver's thread alone.
@safe final class PrivateKey: @unchecked Sendable {
    let pointer: ssh_key

    /// `text` is a key file's content with a zero byte after it; `nil` if it is no key, or the passphrase is wrong.
    init?(_ text: [UInt8], _ passphrase: SSHPassphrase?) {
        LibraryGate.enter()
        defer { LibraryGate.leave() }
        var key: ssh_key?
        let status = unsafe text.withUnsafeBufferPointer { bytes in
            let start = unsafe UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
            // Without a callback of ours OpenSSL would ask for the passphrase on the terminal, and wait.
            return unsafe ssh_pki_import_privkey_base64(
                start,
                passphrase?.text,
                { _, _, _, _, _, _ in -1 },
                nil,
                &key
            )
        }
        guard status == SSH_OK, let key = unsafe key else { return nil }
        unsafe self.pointer = key
    }

    deinit {
        LibraryGate.ifOpen { unsafe ssh_key_free(self.pointer) }
    }
}
