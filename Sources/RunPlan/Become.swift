// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The user that commands are run as, after another has logged in.
package struct Become: Hashable, Sendable, Codable {
    package var user: String
    package var method: BecomeMethod
    /// Where that user's receipts are kept, for one whose home folder takes none: an absolute path.
    package var receipts: String?

    package init(user: String, method: BecomeMethod = .sudo, receipts: String? = nil) {
        self.user = user
        self.method = method
        self.receipts = receipts
    }

    /// The words before the shell that reads the program.
    ///
    /// `-n` asks for no password: who is not allowed is refused at once. `-H` gives the other user's home folder, in which the
    /// receipts are.
    package var words: [String] {
        switch self.method {
        case .sudo: ["sudo", "-n", "-H", "-u", self.user, "--"]
        }
    }
}

package enum BecomeMethod: String, Hashable, Sendable, Codable, CaseIterable {
    case sudo
}

/// What a step says about it; without a word, the node's default counts.
package enum BecomeChoice: Hashable, Sendable, Codable {
    case user(Become)
    /// The user that logs in.
    case none
}

/// Where a secret is to be had, which is all that an inventory knows of it.
package enum SecretSource: Hashable, Sendable, Codable {
    case variable(String)
    case file(String)
}

/// An ssh-agent and the one key of it that is used.
package struct AgentAccess: Hashable, Sendable, Codable {
    /// Without it, what `SSH_AUTH_SOCK` says when the agent is needed.
    package var socket: String?
    package var publicKey: String

    package init(socket: String?, publicKey: String) {
        self.socket = socket
        self.publicKey = publicKey
    }
}
