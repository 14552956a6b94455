// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One word of a command: any bytes but NUL.
package struct ShellWord: Hashable, Sendable, ExpressibleByStringLiteral {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    package init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    package init(stringLiteral text: String) {
        self.init(text)
    }
}

/// A command that shall happen at most once.
package struct ReceiptCommand: Hashable, Sendable {
    package struct Variable: Hashable, Sendable {
        package var name: String
        package var value: ShellWord

        package init(name: String, value: ShellWord) {
            self.name = name
            self.value = value
        }
    }

    /// Bounds that the kernel or good manners set; beyond them ``ReceiptWrapper/start(_:)`` throws.
    package enum Limits {
        /// The kernel takes 128 KiB for one argument or variable, its name and NUL included.
        package static let word = 131_072 - 256
        /// All words and variables together; the kernel takes 2 MiB where the stack has its usual 8 MiB.
        package static let allWords = 1_048_576
        package static let variables = 256
        package static let standardInput = 1_048_576
        package static let outputPerStream = 1_048_576
        package static let budget = Duration.seconds(30 * 86_400)
        package static let grace = Duration.seconds(3_600)
    }

    package var id: ReceiptID
    /// The program and its arguments, byte for byte; no shell looks at them.
    package var words: [ShellWord]
    package var environment: [Variable]
    /// An absolute path; without it the command starts where the login does.
    package var workingDirectory: String?
    /// Without it the command reads end of file.
    package var standardInput: [UInt8]?
    /// The time left.
    ///
    /// It counts on the host's clock from the arrival of the wrapper; what is spent before the command
    /// starts is missing afterwards, and if nothing is left it does not start.
    package var budget: Duration
    /// The same end as a moment on the host's clock, for who has read that clock: it covers the way to the host, too.
    package var deadline: HostMoment?
    /// From TERM to KILL.
    package var grace: Duration
    /// How many bytes of each stream are kept from its beginning, and as many from its end.
    ///
    /// 0 sends no output.
    package var outputLimit: Int
    /// Whether it was given secrets.
    ///
    /// It may print them, so what it printed is removed from the host once it has been sent.
    package var holdsSecrets: Bool

    package init(
        id: ReceiptID,
        words: [ShellWord],
        environment: [Variable] = [],
        workingDirectory: String? = nil,
        standardInput: [UInt8]? = nil,
        budget: Duration,
        deadline: HostMoment? = nil,
        grace: Duration = .seconds(10),
        outputLimit: Int = 65_536,
        holdsSecrets: Bool = false
    ) {
        self.holdsSecrets = holdsSecrets
        self.id = id
        self.words = words
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.standardInput = standardInput
        self.budget = budget
        self.deadline = deadline
        self.grace = grace
        self.outputLimit = outputLimit
    }

    /// The words that run `script` by the host's sh.
    package static func script(_ script: String, arguments: [ShellWord] = []) -> [ShellWord] {
        ["sh", "-c", ShellWord(script), "selfheal-script"] + arguments
    }

    /// How long the host may take to answer when all goes as badly as it may: the budget, the grace, KILL, and its record.
    package var answersWithin: Duration {
        self.budget + self.grace + ReceiptWrapper.confirmation
    }
}

extension ReceiptCommand {
    /// Names that a shell sets, guards or gives a meaning of its own; under them a value would not arrive as it was.
    private static let ownedByShell: Set<String> = [
        "BASHOPTS", "BASHPID", "BASH_VERSINFO", "DIRSTACK", "EPOCHREALTIME", "EPOCHSECONDS", "EUID", "FUNCNAME",
        "GROUPS",
        "HISTCMD", "IFS", "LINENO", "OLDPWD", "OPTARG", "OPTIND", "PIPESTATUS", "PPID", "PWD", "RANDOM", "SECONDS",
        "SHELLOPTS", "SHLVL", "SRANDOM", "UID", "_",
    ]

    func check() throws(ReceiptError) {
        try self.checkWords()
        try self.checkEnvironment()
        if let directory = self.workingDirectory {
            guard directory.hasPrefix("/"), directory.utf8.count <= 4_096, !directory.utf8.contains(0) else {
                throw ReceiptError(
                    code: .malformedName,
                    message: "the working directory '\(directory)' is not an absolute path"
                )
            }
        }
        guard self.standardInput?.count ?? 0 <= Limits.standardInput else {
            throw ReceiptError(
                code: .tooLarge,
                message: "the standard input has more than \(Limits.standardInput) bytes; send it as a file"
            )
        }
        guard self.budget <= Limits.budget, self.grace >= .zero, self.grace <= Limits.grace,
            0...Limits.outputPerStream ~= self.outputLimit
        else {
            throw ReceiptError(
                code: .outOfRange,
                message: """
                    a command has at most \(Limits.budget) of time, \(Limits.grace) of grace and \
                    \(Limits.outputPerStream) bytes of output per stream
                    """
            )
        }
    }

    private func checkWords() throws(ReceiptError) {
        guard let program = self.words.first, !program.bytes.isEmpty, program.bytes.first != UInt8(ascii: "-") else {
            throw ReceiptError(code: .malformedName, message: "the command names no program")
        }
        for (index, word) in self.words.enumerated() {
            try Self.check(word, "word \(index) of the command")
        }
        let total =
            self.words.reduce(0) { $0 + $1.bytes.count + 9 }
            + self.environment.reduce(0) { $0 + $1.name.utf8.count + $1.value.bytes.count + 10 }
        guard total <= Limits.allWords else {
            throw ReceiptError(
                code: .tooLarge,
                message: "the command and its environment have \(total) bytes, more than \(Limits.allWords)"
            )
        }
    }

    private func checkEnvironment() throws(ReceiptError) {
        guard self.environment.count <= Limits.variables else {
            throw ReceiptError(code: .tooLarge, message: "more than \(Limits.variables) environment variables")
        }
        for variable in self.environment {
            let letters = variable.name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
            guard letters, let first = variable.name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= first),
                variable.name.utf8.count <= 128
            else {
                throw ReceiptError(
                    code: .malformedName,
                    message: "'\(variable.name)' cannot name an environment variable; use letters, digits and _"
                )
            }
            guard !Self.ownedByShell.contains(variable.name), !variable.name.hasPrefix("SELFHEAL_"),
                !variable.name.hasPrefix("h_")
            else {
                throw ReceiptError(
                    code: .ownedByShell,
                    message: "the shell or its wrapper uses the variable '\(variable.name)' itself; choose another name"
                )
            }
            try Self.check(variable.value, "the environment variable '\(variable.name)'")
        }
    }

    private static func check(_ word: ShellWord, _ place: String) throws(ReceiptError) {
        guard !word.bytes.contains(0) else {
            throw ReceiptError(code: .containsNUL, message: "\(place) contains NUL, which no command can be given")
        }
        guard word.bytes.count <= Limits.word else {
            throw ReceiptError(
                code: .tooLarge,
                message: "\(place) has \(word.bytes.count) bytes; the kernel takes \(Limits.word), so send it as a file"
            )
        }
    }
}
