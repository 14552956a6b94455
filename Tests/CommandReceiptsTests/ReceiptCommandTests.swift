// Selfheal
// SPDX-License-Identifier: Apache-2.0

import CommandReceipts
import Testing

/// What is refused before anything is sent.
@Suite struct ReceiptCommandTests {
    private func code(_ change: (inout ReceiptCommand) -> Void) throws -> ReceiptError.Code? {
        var command = ReceiptCommand(id: try ReceiptID("run-1.step"), words: ["true"], budget: .seconds(1))
        change(&command)
        let wrapper = try ReceiptWrapper(
            store: ReceiptStore(),
            term: 1,
            nonce: "0123456789abcdef",
            incarnation: nil
        )
        do {
            _ = try wrapper.start(command)
            return nil
        } catch {
            return error.code
        }
    }

    @Test(arguments: ["run-1.step", "a", "A_b.c-9", String(repeating: "x", count: 120)])
    func `names that can be folders are taken`(name: String) throws {
        #expect(try ReceiptID(name).text == name)
    }

    @Test(arguments: ["", ".", "..", ".terms", "-n", "a/b", "a b", "é", "a\n", String(repeating: "x", count: 121)])
    func `names that could mean something else are refused`(name: String) {
        #expect(throws: ReceiptError.self) { try ReceiptID(name) }
    }

    @Test func `a sound command is taken`() throws {
        #expect(try self.code { _ in } == nil)
    }

    @Test func `what no kernel or shell could pass on is refused, and the place is named`() throws {
        #expect(try self.code { $0.words = [] } == .malformedName)
        #expect(try self.code { $0.words = [""] } == .malformedName)
        #expect(try self.code { $0.words = ["-rf"] } == .malformedName)
        #expect(try self.code { $0.words.append(ShellWord(bytes: [65, 0])) } == .containsNUL)
        let long = ShellWord(bytes: Array(repeating: 65, count: ReceiptCommand.Limits.word + 1))
        #expect(try self.code { $0.words.append(long) } == .tooLarge)
        let longest = ShellWord(bytes: Array(repeating: 65, count: ReceiptCommand.Limits.word))
        #expect(try self.code { $0.words.append(longest) } == nil)
        #expect(try self.code { $0.words += Array(repeating: longest, count: 9) } == .tooLarge)
        #expect(try self.code { $0.workingDirectory = "tmp" } == .malformedName)
        #expect(try self.code { $0.standardInput = Array(repeating: 0, count: 1_048_577) } == .tooLarge)
    }

    @Test(arguments: ["", "1A", "A-B", "A=B", "é", "A B"])
    func `names that are no variables are refused`(name: String) throws {
        #expect(
            try self.code { $0.environment = [ReceiptCommand.Variable(name: name, value: "")] } == .malformedName
        )
    }

    @Test(arguments: ["PPID", "UID", "RANDOM", "IFS", "SELFHEAL_RUN", "h_e", "_"])
    func `names that a shell gives a meaning are refused`(name: String) throws {
        #expect(try self.code { $0.environment = [ReceiptCommand.Variable(name: name, value: "")] } == .ownedByShell)
    }

    @Test func `bounds are bounds`() throws {
        #expect(try self.code { $0.budget = .seconds(31 * 86_400) } == .outOfRange)
        #expect(try self.code { $0.grace = .seconds(-1) } == .outOfRange)
        #expect(try self.code { $0.outputLimit = -1 } == .outOfRange)
        #expect(try self.code { $0.outputLimit = ReceiptCommand.Limits.outputPerStream } == nil)
    }

    @Test(arguments: ["", "/", "..", "a/../b", "~/x", "-x"])
    func `folders that lead elsewhere are refused`(folder: String) {
        #expect(throws: ReceiptError.self) { try ReceiptStore(folder: folder) }
    }

    @Test(arguments: ["", "short", "with space 0123456", "0123456789abcde\n"])
    func `a nonce that could be guessed or misread is refused`(nonce: String) {
        #expect(throws: ReceiptError.self) {
            try ReceiptWrapper(store: ReceiptStore(), term: 1, nonce: nonce, incarnation: nil)
        }
    }

    @Test func `a term beyond what a shell compares is refused`() {
        #expect(throws: ReceiptError.self) {
            try ReceiptWrapper(store: ReceiptStore(), term: 1 << 63, nonce: "0123456789abcdef", incarnation: nil)
        }
    }

    @Test func `the command line is the same for every command and holds no value`() throws {
        let wrapper = try ReceiptWrapper(store: ReceiptStore(), term: 1, nonce: "0123456789abcdef", incarnation: nil)
        let script = try wrapper.start(
            ReceiptCommand(id: ReceiptID("x"), words: ["echo", "it's secret"], budget: .seconds(1))
        )
        #expect(script.commandLine == #"exec sh -c 'eval "$(cat)"' selfheal"#)
        #expect(script.commandLine == wrapper.open().commandLine)
    }
}
