// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLinux
import Glibc
import PracticeBrokers
import PracticeCluster
import RunJournal

struct Lab: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A practice cluster on this machine: real ZooKeeper, real SSH, stand-ins for Kafka.",
        subcommands: [
            LabUp.self, LabStatusCommand.self, LabBreak.self, LabHeal.self, LabDown.self, LabDemo.self, LabStandIn.self,
        ]
    )

    struct FolderOption: ParsableArguments {
        @Option(help: "The folder that everything of it lies in.")
        var folder = LabOptions.defaultFolder
    }

    /// Says what the practice cluster says, and fails as it fails.
    static func reporting<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let error as PracticeClusterError {
            Terminal.say(error.message)
            switch error.code {
            case .badOption, .folderTaken, .notALab, .unknownName, .insideLab: throw ExitCode.askedWrongly
            case .programMissing, .portTaken, .couldNotStart, .timedOut, .leftovers, .file: throw ExitCode.weFailed
            }
        }
    }

    /// Refuses while an engine is at work there: its run would fail at hosts that are gone, and its journal would go with the folder.
    static func requireNoEngine(in folder: String) async throws {
        let store = "\(folder)/store"
        guard let process = await StoreOutlook.of(folder: store).engine else {
            return
        }
        Terminal.say("process \(process) is the engine of a run on this practice cluster; nothing was taken down")
        Terminal.say("help: end it with Ctrl-C where it runs, or: kill \(process)")
        throw ExitCode.askedWrongly
    }
}

struct LabUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "up", abstract: "Start a practice cluster.")

    @OptionGroup var folder: Lab.FolderOption

    @Option(parsing: .unconditional, help: "How many ZooKeeper members: 3 or 5.")
    var members = 3

    @Option(parsing: .unconditional, help: "How many brokers' stand-ins.")
    var brokers = 3

    func run() async throws {
        let executable = try ExecutablePath.own()
        var options = LabOptions(folder: self.folder.folder, standInCommand: [executable, "lab", "stand-in"])
        options.members = self.members
        options.brokers = self.brokers
        let ready = options
        let cluster = try await Lab.reporting { try await PracticeCluster.up(ready) { Terminal.say($0) } }
        let status = try await Lab.reporting { try await cluster.status() }
        Terminal.output(status.text)
        Terminal.say("configuration: \(cluster.configurationPath)")
    }
}

struct LabStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "Show the practice cluster.")

    @OptionGroup var folder: Lab.FolderOption

    @Option(help: "How it is printed.")
    var format = OutputFormat.text

    func run() async throws {
        let status = try await Lab.reporting { try await PracticeCluster.open(self.folder.folder).status() }
        switch self.format {
        case .text: Terminal.output(status.text)
        case .json: Terminal.output(status.json)
        }
        if !status.isHealthy {
            throw ExitCode.answerIsNo
        }
    }
}

struct LabBreak: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "break",
        abstract: "Break the practice cluster in one of several ways.",
        discussion: BreakMode.allCases.map { "\($0.rawValue): \($0.summary)" }.joined(separator: "\n")
    )

    @Argument(help: "How: \(BreakMode.allCases.map(\.rawValue).joined(separator: ", ")).")
    var mode: BreakMode

    @Option(help: "A member to break, instead of the usual ones; may be given several times.")
    var member: [String] = []

    @OptionGroup var folder: Lab.FolderOption

    func run() async throws {
        let done = try await Lab.reporting {
            try await PracticeCluster.open(self.folder.folder).breakNow(
                self.mode,
                members: self.member.isEmpty ? nil : self.member
            )
        }
        for act in done.acts {
            Terminal.output(act)
        }
    }
}

extension BreakMode: ExpressibleByArgument {}

struct LabHeal: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "heal",
        abstract: "Undo a break plainly, without a runbook: wake what sleeps, start what is down."
    )

    @OptionGroup var folder: Lab.FolderOption

    func run() async throws {
        let done = try await Lab.reporting { try await PracticeCluster.open(self.folder.folder).heal() }
        for act in done.acts {
            Terminal.output(act)
        }
    }
}

struct LabDown: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down",
        abstract: "Take the practice cluster down, leaving no process and no file."
    )

    @OptionGroup var folder: Lab.FolderOption

    func run() async throws {
        try await Lab.requireNoEngine(in: self.folder.folder)
        let wasThere = try await Lab.reporting {
            try await PracticeCluster.down(folder: self.folder.folder) { Terminal.say($0) }
        }
        Terminal.say(wasThere ? "down" : "there is no practice cluster in \(self.folder.folder)")
    }
}

/// A process that stands where a broker would: it listens, and ends on SIGTERM.
struct LabStandIn: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stand-in",
        abstract: "Listen where a broker would.",
        shouldDisplay: false
    )

    @Option(help: "The address and port to listen on.")
    var listen: String

    @Option(help: "Its id among the brokers.")
    var id: Int32

    @Option(help: "The id of the cluster.")
    var cluster: String

    @Option(help: "The folder in which the brokers leave word for one another.")
    var hall: String

    @Option(help: "A broker of the cluster, as ID=ADDRESS:PORT; each is given.")
    var broker: [String] = []

    func run() throws {
        var places: [Int32: KafkaPlace] = [:]
        for text in self.broker {
            let words = text.split(separator: "=", maxSplits: 1)
            guard words.count == 2, let id = Int32(words[0]), let place = Self.place(words[1]) else {
                throw ValidationError("--broker needs ID=ADDRESS:PORT")
            }
            places[id] = place
        }
        guard let own = Self.place(self.listen[...]) else {
            throw ValidationError("--listen needs ADDRESS:PORT")
        }
        places[self.id] = own
        do throws(BrokerHall.Refusal) {
            let setting = PracticeBroker.Setting(
                id: self.id,
                clusterID: self.cluster,
                folder: self.hall,
                places: places
            )
            let broker = try PracticeBroker(setting)
            withExtendedLifetime(broker) {
                while true {
                    pause()
                }
            }
        } catch {
            Terminal.say(error.description)
            throw ExitCode.weFailed
        }
    }

    private static func place(_ text: Substring) -> KafkaPlace? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        return KafkaPlace(host: String(text[..<colon]), port: port)
    }
}

enum ExecutablePath {
    /// The path of this very program.
    static func own() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4_096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else {
            Terminal.say("/proc/self/exe cannot be read; is /proc mounted?")
            throw ExitCode.weFailed
        }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
