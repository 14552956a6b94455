// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Puts together one program for one verb.
///
/// The whole of it stands between two braces. A shell runs nothing of a group whose closing brace has not arrived, so
/// input cut short by a lost connection starts nothing.
///
/// What is the same for every command is made once: one program has some 14 kB, and a fleet gets a thousand of them at once.
struct ShellProgram {
    /// `$(…)` reads by the block; a shell that reads its program from a pipe itself does so byte by byte.
    private static let launcher = #"sh -c 'eval "$(cat)"' selfheal"#
    /// What a program has besides its command's words, variables and input, and room for a few of those.
    private static let usualSize = 20_480
    private static let beginning = Array("{\nexec 2>/dev/null\n".utf8)

    private var bytes: [UInt8]

    init() {
        self.bytes = []
        self.bytes.reserveCapacity(Self.usualSize)
        self.bytes += Self.beginning
    }

    mutating func set(_ name: String, _ value: String) {
        self.bytes += name.utf8
        self.bytes.append(UInt8(ascii: "="))
        self.append(quoting: value.utf8)
        self.bytes.append(UInt8(ascii: "\n"))
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
        self.bytes += text.bytes
    }

    /// Defines what of the program depends on the command: its words, its environment and its input.
    mutating func define(_ command: ReceiptCommand) {
        self.bytes += "h_command() { \"$@\"".utf8
        for word in command.words {
            self.bytes.append(UInt8(ascii: " "))
            self.append(quoting: word.bytes)
        }
        self.bytes += " </dev/null >/dev/null; }\n".utf8
        self.defineEnvironment(command.environment)
        self.defineInput(command.standardInput)
    }

    private mutating func defineEnvironment(_ environment: [ReceiptCommand.Variable]) {
        self.bytes += "h_environment() {\n".utf8
        for (index, variable) in environment.enumerated() {
            self.bytes += "export SELFHEAL_\(index + 1)=".utf8
            self.append(quoting: variable.value.bytes)
            self.bytes.append(UInt8(ascii: "\n"))
        }
        self.bytes += Self.supervisorExport
        self.bytes += "export SELFHEAL_RUN=".utf8
        if environment.isEmpty {
            self.bytes += Self.quotedRun
        } else {
            var run = Self.runBeginning
            for (index, variable) in environment.enumerated() {
                run += "export \(variable.name)=\"$SELFHEAL_\(index + 1)\"\nunset SELFHEAL_\(index + 1)\n".utf8
            }
            self.append(quoting: run + ShellText.runEnd.bytes)
        }
        self.bytes += "\n}\n".utf8
    }

    /// The supervisor's program, quoted.
    private static let supervisorExport =
        Array("export SELFHEAL_SUPERVISE=".utf8)
        + ShellQuoting.quote(ShellText([.processes, .taking, .ending, .watch, .supervise]).bytes)
        + [UInt8(ascii: "\n")]
    private static let runBeginning = ShellText([.processes, .taking, .run]).bytes
    /// The program that becomes a command without variables of its own, quoted.
    private static let quotedRun = ShellQuoting.quote(Self.runBeginning + ShellText.runEnd.bytes)

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
            self.bytes += " &&\nprintf -- ".utf8
            self.append(quoting: ShellQuoting.printfFormat(piece))
            self.bytes += " >>\"$h_e/in\"".utf8
        }
        self.bytes += "\n}\n".utf8
    }

    func script(running verb: String, through store: ReceiptStore) -> RemoteScript {
        let become = store.become.map { ShellQuoting.quote($0) + " " }.joined()
        return RemoteScript(
            commandLine: "exec \(become)\(Self.launcher)",
            standardInput: self.bytes + "\(verb)\n}\n".utf8
        )
    }

    private mutating func append(quoting bytes: some Sequence<UInt8>) {
        ShellQuoting.quote(bytes, into: &self.bytes)
    }
}
