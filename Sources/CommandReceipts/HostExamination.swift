// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Asks a host what a command with a receipt would find there, and changes nothing on it.
///
/// The host judges itself by the same lines of sh as for a command, so that the answer cannot be another one.
package struct HostExamination: Hashable, Sendable {
    package let store: ReceiptStore
    /// Unguessable letters and digits: they mark our lines among what a login prints.
    package let nonce: String

    package init(store: ReceiptStore, nonce: String) {
        self.store = store
        self.nonce = nonce
    }

    package var script: RemoteScript {
        var program = ShellProgram()
        program.set("h_nonce", self.nonce)
        program.set("h_folder", self.store.folder)
        program.set("h_login", self.store.access == .loginShell ? "1" : "")
        program.append(.framing)
        program.append(.processes)
        program.append(.host)
        program.append(.examine)
        return program.script(running: "h_examine", through: self.store)
    }

    /// Reads what the host has sent; nil when our program did not run there.
    package func answer(_ output: [UInt8]) -> HostSelfPortrait? {
        let mark = "\(self.nonce) "
        var portrait = HostSelfPortrait()
        var hasGreeted = false
        for line in String(decoding: output, as: UTF8.self).split(separator: "\n") where line.hasPrefix(mark) {
            let words = line.dropFirst(mark.count).split(separator: " ", omittingEmptySubsequences: true).map(
                String.init
            )
            let rest = words.dropFirst().joined(separator: " ")
            switch words.first {
            case "hello": hasGreeted = rest == "1"
            case "shell": portrait.shell = rest
            case "time": portrait.secondsSinceEpoch = Int64(rest)
            case "answer":
                if case .refused(let refusal) = AnswerLine(words: words, line: String(line)).answer {
                    portrait.refusal = refusal
                }
            case "folder": portrait.folder = rest
            case "nearest": portrait.nearest = rest
            case "writable": portrait.isWritable = rest == "yes"
            case "space": portrait.freeKibibytes = Self.freeKibibytes(words)
            default: break
            }
        }
        return hasGreeted ? portrait : nil
    }

    /// The number before the percentage in a line of `df -P -k`: the names around it may have blanks.
    private static func freeKibibytes(_ words: [String]) -> Int64? {
        words.lastIndex { $0.hasSuffix("%") }.flatMap { $0 > 0 ? Int64(words[$0 - 1]) : nil }
    }
}

/// What a host says of itself.
package struct HostSelfPortrait: Hashable, Sendable {
    package var shell = ""
    package var secondsSinceEpoch: Int64?
    /// Why it would refuse every command.
    package var refusal: ReceiptRefusal?
    package var folder = ""
    /// The folder itself if it is there, else the nearest one above it.
    package var nearest = ""
    package var isWritable = false
    package var freeKibibytes: Int64?
}

extension ShellText {
    fileprivate static let examine = ShellText(
        #"""
        h_examine() {
            h_say "time $(date +%s)"
            h_say "shell $SHELL"
            h_host || return
            h_say "folder $h_s"
            h_near=$h_s
            while [ ! -e "$h_near" ] && [ "$h_near" ]; do h_near=${h_near%/*}; done
            [ "$h_near" ] || h_near=/
            h_say "nearest $h_near"
            h_can=no
            [ -d "$h_near" ] && [ -w "$h_near" ] && [ -x "$h_near" ] && h_can=yes
            h_say "writable $h_can"
            h_say "space $(df -P -k "$h_near" | tail -n 1)"
        }
        """#
    )
}
