// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunVocabulary
import Testing

@Suite struct ShellWordsTests {
    @Test(arguments: ["a", "systemctl", "/usr/bin/x-1.2", "user@host:22", "50%", "-n", "a,b+c"])
    func `a word that no shell changes stays as it is`(word: String) {
        #expect(ShellWords.quote(word) == word)
    }

    @Test(arguments: [
        ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("a=b", "'a=b'"), ("~", "'~'"), ("$x", "'$x'"),
        ("if", "'if'"), ("%1", "'%1'"), ("{a,b}", "'{a,b}'"), ("ü", "'ü'"), ("a\nb", "'a\nb'"), ("[", "'['"),
    ])
    func `any other is quoted`(word: String, quoted: String) {
        #expect(ShellWords.quote(word) == quoted)
    }

    @Test func `bytes that are not text are quoted as they are`() {
        #expect(ShellWords.quote([0xFF, 0x27]) == [0x27, 0xFF, 0x27, 0x5C, 0x27, 0x27, 0x27])
    }

    @Test func `a command line is its words with spaces between them`() {
        #expect(ShellWords.join(["echo", "a b", ""]) == "echo 'a b' ''")
    }
}
