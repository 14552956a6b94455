// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ClusterWatch
import Glibc
import RunPlan
import RunbookSource
import SelfhealConfiguration
import SelfhealDaemon
import SelfhealEngine
import Synchronization

/// The files that a daemon works from: the configuration, and the runbooks that may start.
final class ServiceFiles: Sendable {
    private struct Found {
        /// What the configuration was put together from, or would be if it were there.
        var configuration: [String]
        var runbooks: [String] = []
        var requests = 0
        /// Whether something is watched already, which goes on if a change is wrong.
        var isWatching = false
    }

    private let configuration: ConfigurationOption
    private let runbooks: [String]
    private let found: Mutex<Found>

    init(configuration: ConfigurationOption, runbooks: [String]) {
        self.configuration = configuration
        self.runbooks = runbooks
        self.found = Mutex(Found(configuration: [configuration.resolvedPath]))
    }

    /// Finds out which files there are to wait for, and how they are before any of them is read for good: what is changed while they are read is
    /// then noticed, and read again.
    ///
    /// A pipe can be read only once, and nobody changes it.
    func firstState() -> String {
        var status = stat()
        if stat(self.configuration.resolvedPath, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            let loaded = try? self.configuration.loadFiles(leavingOutIncompleteChannels: true)
        {
            self.found.withLock { found in
                found.configuration = loaded.sought
                found.runbooks = (loaded.configuration?.watchedRunbooks.map(\.value) ?? []) + self.runbooks
            }
        }
        return self.state
    }

    /// Somebody wants everything read again.
    func lookAgain() {
        self.found.withLock { $0.requests += 1 }
    }

    /// Another text when one of the files is another one, or somebody asked.
    var state: String {
        let found = self.found.withLock { $0 }
        let files = found.configuration + found.runbooks
        return files.map(Self.mark).joined(separator: "\n") + "\n\(found.requests)"
    }

    private static func mark(_ path: String) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return "-"
        }
        return "\(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    }

    /// Everything anew, or what is wrong with it on standard error.
    func load() throws -> (SelfhealConfiguration, [WatchDaemon.Runbook]) {
        let configuration = try self.loadConfiguration()
        return (configuration, try self.runbooks(of: configuration))
    }

    /// The configuration, or what is wrong with it; either way the files that it names are the ones to wait for.
    func loadConfiguration() throws -> SelfhealConfiguration {
        let loaded = try self.configuration.loadFiles()
        self.found.withLock { $0.configuration = loaded.sought }
        return try self.configuration.report(loaded).configuration
    }

    // MARK: Runbooks

    /// The runbooks of the configuration, or everything that keeps one of them from being started by itself, and exit status 2.
    func runbooks(of configuration: SelfhealConfiguration) throws -> [WatchDaemon.Runbook] {
        var loaded: [WatchDaemon.Runbook] = []
        var isWrong = false
        for path in configuration.watchedRunbooks.map(\.value) + self.runbooks {
            do {
                loaded.append(try self.runbook(path, configuration))
            } catch let refusal as Refusal {
                Terminal.say("\(path): \(refusal.text)")
                isWrong = true
            } catch is ExitCode {
                isWrong = true
            }
        }
        self.found.withLock { $0.runbooks = configuration.watchedRunbooks.map(\.value) + self.runbooks }
        let names = loaded.map(\.plan.runbook)
        for name in Set(names) where names.count(where: { $0 == name }) > 1 {
            Terminal.say("two of the watched runbooks are called '\(name)'")
            isWrong = true
        }
        for text in Self.problems(in: configuration.watch.maintenance, runbooks: names) {
            Terminal.say(text)
            isWrong = true
        }
        guard !isWrong else {
            if !self.found.withLock({ $0.isWatching }) {
                Terminal.say("nothing is watched until that is mended")
            }
            throw ExitCode.askedWrongly
        }
        self.found.withLock { $0.isWatching = true }
        return loaded
    }

    /// What a window names and is not there: it would hold back nothing, and nobody would notice.
    private static func problems(in windows: [MaintenanceWindow], runbooks: [String]) -> [String] {
        windows.flatMap { window -> [String] in
            let zone = SystemZones.knows(window.timezone) ? [] : ["there is no time zone '\(window.timezone)'"]
            let strangers = (window.runbooks ?? []).filter { !runbooks.contains($0) }
            return (zone + strangers.map { "no runbook '\($0)' is watched" }).map {
                "'watch: { maintenance: … }': \($0)"
            }
        }
    }

    /// With what windows name that is not there, as far as this machine and the files of the runbooks tell.
    ///
    /// A runbook that cannot be read is complained about by whoever checks it, and may be the one that a window names.
    static func withMaintenanceChecked(_ loaded: LoadedConfiguration) -> LoadedConfiguration {
        var loaded = loaded
        for zone in loaded.windowNames.zones where !SystemZones.knows(zone.value) {
            loaded.diagnostics.append(.unknownWindowZone(zone.value, at: zone.span))
        }
        if let configuration = loaded.configuration, !loaded.windowNames.runbooks.isEmpty {
            let plans = configuration.watchedRunbooks.map { RunbookFile.load($0.value).plan }
            let names = plans.compactMap { $0?.runbook }.sorted()
            for runbook in loaded.windowNames.runbooks where !names.contains(runbook.value) && !plans.contains(nil) {
                loaded.diagnostics.append(.unwatchedWindowRunbook(runbook.value, known: names, at: runbook.span))
            }
        }
        loaded.diagnostics = loaded.diagnostics.inSourceOrder()
        if loaded.diagnostics.hasErrors {
            loaded.configuration = nil
        }
        return loaded
    }

    private struct Refusal: Error {
        let text: String
    }

    private func runbook(_ path: String, _ configuration: SelfhealConfiguration) throws -> WatchDaemon.Runbook {
        let file = RunbookFile.load(path)
        guard let written = file.plan else {
            Terminal.say(DiagnosticRenderer(files: file.files).render(file.diagnostics))
            throw file.failure
        }
        let plan = try FittingPlan.settle(written, by: configuration)
        if let obstacle = plan.obstacleToWatching(configuration.watch) {
            throw Refusal(text: obstacle)
        }
        if let deaf = plan.alerts?.first(where: { !Self.hears($0, configuration) }) {
            throw Refusal(
                text: deaf.kind == .alert
                    ? "nothing listens for '\(deaf.text)'; say where: 'http: { listen: \"127.0.0.1:9480\" }'"
                    : "nobody can post to '\(deaf.text)': 'http: { webhooks: { \(deaf.name): { token: … } } }' is not there"
            )
        }
        // With the gate in front, the people and channels of 'watch:' are compared with the configuration like a runbook's own.
        let watch = configuration.watch
        let asking = plan.asking(watch.askFrom, for: watch.askFor, telling: watch.channels, because: "May it start?")
        try FittingPlan.expectFit(
            of: plan.autonomy == .observe || watch.askFrom.isEmpty ? plan : asking,
            in: file,
            requestedBy: Engine.watchName,
            configuration
        )
        let values = plan.parameters.compactMap { parameter in parameter.defaultValue.map { (parameter.name, $0) } }
        return WatchDaemon.Runbook(
            plan: plan,
            parameters: Dictionary(uniqueKeysWithValues: values),
            source: file.file.text
        )
    }

    private static func hears(_ alert: PlanAlert, _ configuration: SelfhealConfiguration) -> Bool {
        guard alert.kind != .cron else {
            return true
        }
        guard let http = configuration.http else {
            return false
        }
        return alert.kind == .alert || http.webhooks.contains { $0.name == alert.name }
    }
}
