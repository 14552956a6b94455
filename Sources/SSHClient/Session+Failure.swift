// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

extension Session {
    /// Why a connection never was of use.
    struct Failure {
        var error: SSHError
        /// Whether the server may think differently in a moment.
        var isWorthRepeating: Bool

        init(error: SSHError, isWorthRepeating: Bool) {
            self.error = error
            self.isWorthRepeating = isWorthRepeating
        }

        init(_ message: String, _ code: SSHError.Code, isWorthRepeating: Bool = false) {
            self.init(error: SSHError(code, message), isWorthRepeating: isWorthRepeating)
        }
    }

    func notConnected(_ failure: SystemFailure?) -> Failure {
        let label = self.pool.host.label
        switch failure?.errno {
        case nil, ETIMEDOUT:
            return self.timedOut(in: .connect)
        case ECONNREFUSED:
            return Failure("\(label) refused the connection; check that sshd runs there", .connectionRefused)
        case EMFILE, ENFILE:
            // Places come free as other commands end.
            return Failure(
                "Selfheal has no file descriptor left to connect to \(label); raise its limit (LimitNOFILE, ulimit -n)",
                .overloaded,
                isWorthRepeating: true
            )
        default:
            let reason = failure?.text ?? ""
            return Failure("\(label) cannot be reached: \(reason); check network and routes", .unreachable)
        }
    }

    func handshakeFailed(_ reason: String) -> Failure {
        let label = self.pool.host.label
        guard !reason.hasPrefix("kex error") else {
            return Failure(
                "\(label) and Selfheal have no algorithm in common (\(reason)); update the host's OpenSSH",
                .handshakeFailed
            )
        }
        return Failure(
            "\(label) ended the connection before a session was made (\(reason)); check its sshd log, and MaxStartups",
            .handshakeFailed,
            isWorthRepeating: true
        )
    }

    func notAuthenticated(_ reason: String) -> Failure {
        let host = self.pool.host
        let key =
            switch host.identity {
            case .keyFile(let path, _): "the key '\(path)'"
            case .agent(_, let key): "the agent's key \(key.fingerprint)"
            }
        return Failure(
            """
            \(host.label) refused user '\(host.user)' with \(key) (\(reason)); \
            check that its public half is in the user's authorized_keys there
            """,
            .authenticationRefused
        )
    }

    func timedOut(in phase: SSHError.Phase) -> Failure {
        let label = self.pool.host.label
        let limit = self.pool.host.connectTimeout.inSeconds
        let message =
            switch phase {
            case .handshake: "\(label) accepted the connection but did not finish its greeting within \(limit)"
            case .authenticate: "\(label) did not say within \(limit) whether our key is good"
            case .queue, .resolve, .connect, .open, .command:
                "\(label) did not answer within \(limit); check that it is up and the port reachable"
            }
        return Failure(message, .timedOut(phase))
    }
}
