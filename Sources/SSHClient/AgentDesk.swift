// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Stands in for the agent towards libssh, which waits for an agent's answers on our one thread.
///
/// The answers lie in the socket before libssh asks, so it never waits. They say that there is one key, and that it does not
/// sign; what libssh wanted signed is read back, signed by the real agent on another thread, and at the second attempt the
/// signature lies there. Any other question than these two is an error.
final class AgentDesk {
    private let key: SSHPublicKey
    private let ours: OwnedDescriptor

    /// `give` hands an end to libssh, which closes it with its session; `nil` if there are no descriptors left, or it is not taken.
    init?(_ key: SSHPublicKey, give: (CInt) -> Bool) {
        self.key = key
        var ends: [CInt] = [-1, -1]
        let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &ends) == 0 else { return nil }
        self.ours = OwnedDescriptor(number: ends[0])
        guard give(ends[1]) else {
            close(ends[1])
            return nil
        }
        self.layOut(answer: [SSHAgent.Message.failure])
    }

    /// Lays the answers for one attempt in the socket.
    func layOut(answer: [UInt8]) {
        let key = WireReader.string(self.key.blob) + WireReader.string(Array("selfheal".utf8))
        let identities = [SSHAgent.Message.identities] + WireReader.number(1) + key
        let bytes = WireReader.string(identities) + WireReader.string(answer)
        unsafe bytes.withUnsafeBytes { bytes in
            _ = unsafe send(self.ours.number, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
        }
    }

    /// What libssh wants signed, if the one thing it asked for since the last look is a signature by our key.
    func takeSignRequest() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe recv(self.ours.number, buffer.baseAddress, buffer.count, CInt(MSG_DONTWAIT))
        }
        guard count > 0 else { return nil }
        var reader = WireReader(Array(bytes.prefix(count)))
        guard let first = reader.string(), first.elementsEqual([SSHAgent.Message.requestIdentities]),
            let second = reader.string(), reader.byte() == nil
        else { return nil }
        var request = WireReader(Array(second))
        guard request.byte() == SSHAgent.Message.signRequest, let key = request.string(), Array(key) == self.key.blob
        else { return nil }
        return Array(second)
    }
}
