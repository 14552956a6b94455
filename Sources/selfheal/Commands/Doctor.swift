// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CurlTransfer
import Doctor
import Glibc
import RunJournal
import RunPlan
import RunPorts
import RunVocabulary
import RunbookYAML
import SSHClient
import SelfhealConfiguration
import WorldAdapters

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look at everything that we depend on, and say what to do.",
        discussion: """
            Looks at the system's libraries, at each host over SSH, at the store and at the channels. Nothing is changed anywhere.
            Without a configuration only the libraries are looked at.
            Exit status: 0 when nothing is wrong, 1 when something is, 2 when it was asked wrongly, 3 when we failed.
            """
    )

    @OptionGroup var configuration: ConfigurationOption

    @Option(parsing: .unconditional, help: "How many seconds the hosts may take, all together.")
    var timeout = 60

    @Option(help: "How it is printed.")
    var format = OutputFormat.text

    func validate() throws {
        if !(1...3_600).contains(self.timeout) {
            throw ValidationError("--timeout is from 1 to 3600 seconds")
        }
    }

    func run() async throws {
        let examination = try await self.examine()
        switch self.format {
        case .json: Terminal.output(examination.json(version: Selfheal.version).prettyText)
        case .text: Terminal.output(ExaminationText(examination, width: Terminal.width(of: STDOUT_FILENO)).text)
        }
        if !examination.problems.isEmpty {
            throw ExitCode.answerIsNo
        }
    }

    private func examine() async throws -> Examination {
        let isThere = access(self.configuration.resolvedPath, F_OK) == 0
        guard self.configuration.isNamed || isThere else {
            return Examination(libraries: await Self.libraries())
        }
        let (configuration, incomplete) = try self.configuration.loadWithIncompleteChannels()
        async let libraries = Self.libraries()
        let outlook = await StoreOutlook.of(
            folder: configuration.storeFolder,
            doubtful: RunState.endedInDoubt.rawValue
        )
        let freeze = await StoreStanding(configuration: configuration).freeze()
        let hosts = try await self.hosts(configuration)
        let complete = configuration.channels.map { ChannelFacts(name: $0.name, kind: $0.kind.word) }
        let others = incomplete.map { ChannelFacts(name: $0.name, kind: $0.kind, missing: $0.missing) }
        return Examination(
            libraries: await libraries,
            hosts: hosts.map { HostFinding($0) },
            store: StoreFinding(StoreFacts(outlook, folder: configuration.storeFolder, freeze: freeze)),
            channels: complete + others
        )
    }

    private func hosts(_ configuration: SelfhealConfiguration) async throws -> [HostFacts] {
        let client: SSHClient
        do {
            try DescriptorLimit.raise(forNodes: configuration.inventory.nodes.count)
            client = try SSHClient()
        } catch {
            Terminal.say("\(error)")
            throw ExitCode.weFailed
        }
        let visits = HostVisits(client: client, limit: .seconds(Int64(self.timeout)))
        let family = await StoredIncarnations.knownFamily(inStoreAt: configuration.storeFolder)
        let facts = await visits.visit(configuration.inventory.nodes, family: family)
        await client.shutDown()
        return facts
    }

    private static func libraries() async -> [LibraryFinding] {
        let loaded = LoadedLibraries(maps: Self.text(of: "/proc/self/maps"))
        let distribution = Distribution(osRelease: Self.text(of: "/etc/os-release"))
        let curl = CurlTransfer.libraryVersion
        let tls = curl?.tls
        let openssl = tls?.hasPrefix("OpenSSL/") ?? false ? tls.map { String($0.dropFirst("OpenSSL/".count)) } : nil
        let versions: [(Library, String?, String?)] = [
            (.libssh, UpstreamVersion(of: SSHClient.libraryVersion)?.description, nil),
            (.libcurl, curl?.version, tls),
            (.libyaml, YAMLDocument.libraryVersion, nil),
            (.sqlite, RunStore.libraryVersion, nil),
            (.openssl, openssl, nil),
        ]
        var findings: [LibraryFinding] = []
        for (library, version, with) in versions {
            let package = await loaded.package(of: library)
            let facts = LibraryFacts(library, version: version, with: with, package: package)
            findings.append(LibraryFinding(facts, on: distribution))
        }
        return findings
    }

    private static func text(of path: String) -> String {
        switch TextFile.read(path) {
        case .success(let bytes): String(decoding: bytes, as: UTF8.self)
        case .failure: ""
        }
    }
}

extension StoreFacts {
    init(_ outlook: StoreOutlook, folder: String, freeze: String?) {
        let state: State =
            switch outlook.state {
            case .missing(let nearest, let isWritable): .missing(nearest: nearest, isWritable: isWritable)
            case .refused(let error): .refused(error.message)
            case .there(let schema, let runs, let unfinished, let inDoubt):
                .there(schema: schema, runs: runs, unfinished: unfinished, inDoubt: inDoubt)
            }
        self.init(
            folder: folder,
            state: state,
            engine: outlook.engine,
            freeBytes: outlook.freeBytes,
            freeze: freeze
        )
    }
}

extension Channel.Kind {
    /// The kind as the configuration writes it.
    var word: String {
        switch self {
        case .smtp: "smtp"
        case .webhook: "webhook"
        case .slack: "slack"
        case .file: "file"
        case .console: "console"
        }
    }
}
