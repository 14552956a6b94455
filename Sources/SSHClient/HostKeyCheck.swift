// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLibssh

/// Judges the key that a server has proved to hold.
enum HostKeyCheck {
    /// `nil` if the key is one of the pinned ones, byte for byte.
    static func refusal(of connection: Connection, for host: SSHHost, _ pins: HostKeyPins) -> SSHError? {
        let presented: SSHPublicKey
        do {
            presented = try connection.serverKey()
        } catch {
            return SSHError(.hostKeyTypeNotPinned, "\(host.label) presented a host key that is refused: \(error)")
        }
        return self.refusal(of: presented, for: host, pins)
    }

    static func refusal(of presented: SSHPublicKey, for host: SSHHost, _ pins: HostKeyPins) -> SSHError? {
        guard !pins.revoked.contains(presented) else {
            return SSHError(
                .revokedHostKey,
                """
                \(host.label) presented \(presented.type) \(presented.fingerprint), which '\(host.knownHosts ?? "")' marks as \
                revoked; whoever has that key must not be believed, so give the host a new one
                """
            )
        }
        guard !pins.accepted.contains(presented) else { return nil }
        let pinned = pins.accepted.map { "\($0.type) \($0.fingerprint)" }.joined(separator: ", ")
        let shown = "\(presented.type) \(presented.fingerprint)"
        guard pins.accepted.contains(where: { $0.type == presented.type }) else {
            return SSHError(
                .hostKeyTypeNotPinned,
                """
                \(host.label) has no host key of a pinned type: pinned \(pinned), presented \(shown); \
                compare with the host's console, then pin the line of its /etc/ssh/ssh_host_*_key.pub
                """
            )
        }
        return SSHError(
            .changedHostKey,
            """
            \(host.label) presented another host key than the pinned one: pinned \(pinned), presented \(shown); \
            somebody may be in between; if the host was reinstalled, compare with its console and pin the new key
            """
        )
    }
}

extension SSHPublicKey {
    /// As `ssh-keygen -l` prints it: `SHA256:…`.
    package var fingerprint: String {
        var key: ssh_key?
        var hash: UnsafeMutablePointer<UInt8>?
        var length = 0
        defer {
            unsafe ssh_key_free(key)
            unsafe ssh_clean_pubkey_hash(&hash)
        }
        let type = unsafe ssh_key_type_from_name(self.type)
        guard unsafe ssh_pki_import_pubkey_base64(Base64.encode(self.blob), type, &key) == SSH_OK,
            unsafe ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) == 0,
            let text = unsafe ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length)
        else { return "(a damaged key)" }
        defer { unsafe ssh_string_free_char(text) }
        return unsafe String(cString: text)
    }
}
