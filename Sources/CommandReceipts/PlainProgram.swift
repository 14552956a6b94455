// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A command without a receipt, sent the way those with one are: the line says nothing, and all that differs travels as input,
/// where no `ps` shows it.
package enum PlainProgram {
    /// The words are run by `exec`, with standard input, environment and directory as they are given.
    ///
    /// Before anything else a line with `greeting` is printed, if there is one: what comes before it is not the command's, and where it does
    /// not come, nothing of this was run.
    package static func script(
        _ words: [ShellWord],
        environment: [ReceiptCommand.Variable] = [],
        workingDirectory: String? = nil,
        standardInput: [UInt8]? = nil,
        become: [String] = [],
        greeting: String? = nil
    ) throws(ReceiptError) -> RemoteScript {
        let command = ReceiptCommand(
            id: try ReceiptID("plain"),
            words: words,
            environment: environment,
            workingDirectory: workingDirectory,
            standardInput: standardInput,
            budget: .seconds(1)
        )
        try command.check()
        var bytes = Array("{\n".utf8)
        if let greeting {
            bytes += Array("printf '\\n%s\\n' ".utf8) + ShellQuoting.quote(greeting.utf8) + Array("\n".utf8)
        }
        if let workingDirectory {
            bytes +=
                Array("CDPATH= cd -- ".utf8) + ShellQuoting.quote(workingDirectory.utf8) + Array(" || exit 126\n".utf8)
        }
        var run = Array("exec".utf8)
        for word in words {
            run += [UInt8(ascii: " ")] + ShellQuoting.quote(word.bytes)
        }
        for variable in environment {
            bytes += Array("export \(variable.name)=".utf8) + ShellQuoting.quote(variable.value.bytes)
            bytes.append(UInt8(ascii: "\n"))
        }
        if let standardInput {
            var rest = standardInput[...]
            bytes += Array("{ :".utf8)
            while !rest.isEmpty {
                let piece = rest.prefix(16_384)
                rest = rest.dropFirst(piece.count)
                bytes += Array("\nprintf -- ".utf8) + ShellQuoting.quote(ShellQuoting.printfFormat(piece))
            }
            bytes += Array("\n} | ".utf8) + run
        } else {
            bytes += run + Array(" </dev/null".utf8)
        }
        let prefix = become.map { ShellQuoting.quote($0) + " " }.joined()
        return RemoteScript(
            commandLine: "exec \(prefix)sh -c 'eval \"$(cat)\"' selfheal",
            standardInput: bytes + Array("\n}\n".utf8)
        )
    }
}
