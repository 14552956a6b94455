// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Foundation
import Testing

private let zsh = "/bin/zsh"

/// zsh as the login shell: it reads `.zshenv` before every command, whatever that file does.
@Suite(.enabled("zsh is not installed") { FileManager.default.isExecutableFile(atPath: zsh) })
struct ReceiptLoginTests {
    /// Files that say, set or go somewhere, and leave the shell one that runs commands.
    static let odd = [
        "print -r -- 'hello 1'; print -r -- 'answer refused shell rubbish'; print -rn -- 'no end of line'",
        "setopt ERR_EXIT ERR_RETURN XTRACE NO_NOMATCH KSH_ARRAYS CSH_NULL_GLOB EXTENDED_GLOB GLOB_SUBST SH_WORD_SPLIT NO_BANG_HIST",
        "cd /; IFS=x; umask 077; set -- a b c; export ENV=/nonexistent BASH_ENV=/nonexistent; trap 'print trapped' EXIT",
        "alias cat='print no'; alias mkdir='print no'; alias -g selfheal='other words'; cat() { print no }",
        "print -r -- complaint >&2; false", "return 1; }",
    ]

    /// Files with which the line that we send does not come to its shell.
    static let broken = [
        "exec print gone", "exit 3", "alias exec='print taken:'", "alias sh='print taken:'; alias -g sh='print taken:'",
        "PATH=/nonexistent",
        "exec /usr/bin/env true",
    ]

    private func home(_ host: TargetHost, zshenv: String) throws -> [String: String] {
        try zshenv.write(toFile: host.file(".zshenv"), atomically: true, encoding: .utf8)
        return ["ZDOTDIR": host.home]
    }

    @Test(arguments: Self.odd)
    func `an odd zshenv changes nothing about a command`(zshenv: String) throws {
        let host = try TargetHost()
        let environment = try self.home(host, zshenv: zshenv)
        let opener = try host.wrapper()
        let opened = try host.send(opener.open(), opener, login: zsh, environment: environment)
        #expect(opened.answer == .opened)
        let wrapper = try host.wrapper(incarnation: #require(opened.store).incarnation)
        let bytes = Array(UInt8(1)...255)
        let script = #"printf %s "$1"; echo once >>"$HOME/ledger"; exit 4"#
        var command = try host.command("bytes", ReceiptCommand.script(script))
        command.words.append(ShellWord(bytes: bytes))
        for _ in 1...2 {
            let report = try host.send(wrapper.start(command), wrapper, login: zsh, environment: environment)
            #expect(report.answer == .done(ReceiptEnding(status: 4, cause: .exited)))
            #expect(report.standardOutput.head == bytes)
        }
        #expect(host.lines("ledger") == ["once"])
    }

    @Test(arguments: Self.broken)
    func `a zshenv that takes our line away is refused, and nothing runs`(zshenv: String) throws {
        let host = try TargetHost()
        let wrapper = try host.opened()
        let environment = try self.home(host, zshenv: zshenv)
        let command = try host.command("first", ReceiptCommand.script("echo ran >>\"$HOME/ledger\""))
        let report = try host.send(wrapper.start(command), wrapper, login: zsh, environment: environment)
        guard case .refused = report.answer else {
            Issue.record("not refused: \(report.answer)")
            return
        }
        #expect(host.lines("ledger").isEmpty)
        #expect(try host.ask(command.id, wrapper).answer == .never(sealed: false))
    }
}
