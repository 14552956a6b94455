// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Where receipts are kept on a host, and how its shell is reached.
package struct ReceiptStore: Hashable, Sendable {
    /// Who reads the command line we send.
    package enum Access: Hashable, Sendable {
        /// The user's login shell, as over SSH. One that is not a POSIX shell is refused.
        case loginShell
        /// Nobody: the line is run by `/bin/sh -c`, and `SHELL` says nothing about it.
        case direct
    }

    package static let defaultFolder = ".selfheal/effects"

    /// An absolute path, or a path below the home folder of the user whom the receipts belong to.
    ///
    /// Terms are kept in it: engines that do not share a succession of terms must not share a folder. It must be on a disk
    /// of the host; a folder that several hosts mount answers *in doubt* for every one but the host that wrote.
    package let folder: String
    package let access: Access
    /// Words before `sh`, such as `sudo -n -H -u kafka --`.
    ///
    /// Everything happens behind them, receipts and killing included, so a command and whoever ends it are the same user.
    package let become: [String]

    package init(
        folder: String = Self.defaultFolder,
        access: Access = .loginShell,
        become: [String] = []
    ) throws(ReceiptError) {
        let parts = folder.split(separator: "/", omittingEmptySubsequences: true)
        guard !parts.isEmpty, !parts.contains(".."), !folder.hasPrefix("-"), !folder.hasPrefix("~"),
            folder.utf8.count <= 1_024
        else {
            throw ReceiptError(
                code: .malformedName,
                message:
                    "'\(folder)' cannot be the folder of receipts; write an absolute path, or one below the home folder"
            )
        }
        guard !folder.utf8.contains(0), !become.contains(where: { $0.utf8.contains(0) }) else {
            throw ReceiptError(code: .containsNUL, message: "the folder of receipts or its 'become' contains NUL")
        }
        self.folder = folder
        self.access = access
        self.become = become
    }
}

/// What a transport sends: one line for the shell, and bytes for its standard input, which must then be closed.
///
/// The line is short and the same for every command. All that differs travels as input, where no length limit applies and
/// no `ps` shows it. Input that arrives only in part is a syntax error to the shell, and so does nothing.
package struct RemoteScript: Hashable, Sendable {
    package var commandLine: String
    package var standardInput: [UInt8]

    package init(commandLine: String, standardInput: [UInt8]) {
        self.commandLine = commandLine
        self.standardInput = standardInput
    }
}
