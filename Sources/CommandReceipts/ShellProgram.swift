// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Puts together one program for one verb.
///
/// The whole of it stands between two braces. A shell runs nothing of a group whose closing brace has not arrived, so
/// input cut short by a lost connection starts nothing.
struct ShellProgram {
    /// `$(…)` reads by the block; a shell that reads its program from a pipe itself does so byte by byte.
    private static let launcher = #"sh -c 'eval "$(cat)"' selfheal"#

    private var bytes: [UInt8] = Array("{\nexec 2>/dev/null\n".utf8)

    mutating func set(_ name: String, _ value: String) {
        self.bytes += Array("\(name)=".utf8) + ShellQuoting.quote(value.utf8) + [UInt8(ascii: "\n")]
    }

    mutating func set(_ name: String, _ value: Int64) {
        self.set(name, String(value))
    }

    /// With `forgetting`, what the command printed is removed from the host once it has been sent.
    mutating func setOutput(
        limit: Int,
        forgetting: Bool,
        after received: ReceiptOutputOffsets = ReceiptOutputOffsets()
    ) {
        self.set("h_keep", Int64(min(max(limit, 0), ReceiptCommand.Limits.outputPerStream)))
        self.set("h_wiping", forgetting ? "1" : "")
        self.set("h_sent_out", Int64(max(received.standardOutput, 0)))
        self.set("h_sent_err", Int64(max(received.standardError, 0)))
    }

    mutating func append(_ text: ShellText) {
        self.bytes += text.text.utf8
    }

    /// Defines what of the program depends on the command: its words, its environment and its input.
    mutating func define(_ command: ReceiptCommand) {
        self.bytes += "h_command() { \"$@\"".utf8
        for word in command.words {
            self.bytes.append(UInt8(ascii: " "))
            self.bytes += ShellQuoting.quote(word.bytes)
        }
        self.bytes += " </dev/null >/dev/null; }\n".utf8
        self.defineEnvironment(command.environment)
        self.defineInput(command.standardInput)
    }

    private mutating func defineEnvironment(_ environment: [ReceiptCommand.Variable]) {
        let supervise = [ShellText.processes, .taking, .ending, .watch, .supervise].map(\.text).joined()
        var run = [ShellText.processes, .taking, .run].map(\.text).joined()
        self.bytes += "h_environment() {\n".utf8
        for (index, variable) in environment.enumerated() {
            self.bytes += "export SELFHEAL_\(index + 1)=".utf8
            self.bytes += ShellQuoting.quote(variable.value.bytes) + [UInt8(ascii: "\n")]
            run += "export \(variable.name)=\"$SELFHEAL_\(index + 1)\"\nunset SELFHEAL_\(index + 1)\n"
        }
        run += ShellText.runEnd.text
        self.bytes += "export SELFHEAL_SUPERVISE=\(ShellQuoting.quote(supervise))\n".utf8
        self.bytes += "export SELFHEAL_RUN=\(ShellQuoting.quote(run))\n}\n".utf8
    }

    /// Written in pieces: where `printf` is a program, one piece is one argument.
    private mutating func defineInput(_ input: [UInt8]?) {
        guard let input else {
            self.bytes += "h_input() { :; }\n".utf8
            return
        }
        self.bytes += "h_input() {\nprintf '' >\"$h_e/in\"".utf8
        var rest = input[...]
        while !rest.isEmpty {
            let piece = rest.prefix(16_384)
            rest = rest.dropFirst(piece.count)
            self.bytes += " &&\nprintf -- ".utf8 + ShellQuoting.quote(ShellQuoting.printfFormat(piece))
            self.bytes += " >>\"$h_e/in\"".utf8
        }
        self.bytes += "\n}\n".utf8
    }

    func script(running verb: String, through store: ReceiptStore) -> RemoteScript {
        let become = store.become.map { ShellQuoting.quote($0) + " " }.joined()
        return RemoteScript(
            commandLine: "exec \(become)\(Self.launcher)",
            standardInput: self.bytes + Array("h_say 'hello 1'\n\(verb)\n}\n".utf8)
        )
    }
}
