// Selfheal
// SPDX-License-Identifier: Apache-2.0

import ClusterWatch
import Glibc
import RunJournal
import RunPorts
import RunVocabulary
import SelfhealConfiguration
import SelfhealEngine

/// Who has the store, and whether somebody holds everything back: what more than one command has to mention.
struct StoreStanding {
    let configuration: SelfhealConfiguration

    /// The process that drives what is driven, if one does.
    var engine: Int32? {
        StoreOutlook.engine(ofStoreIn: self.configuration.storeFolder)
    }

    /// Who holds everything back, since when and why; nothing where nobody does, or where there is no store yet.
    func freeze() async -> String? {
        let freeze = await self.read { try await FreezeDesk.freeze(in: $0) } ?? nil
        return freeze?.standing
    }

    /// Says on standard error that everything is held back, if it is.
    func mentionFreeze() async {
        if let freeze = await self.freeze() {
            Terminal.say("\(freeze); nothing that changes the world is sent until 'selfheal unfreeze'")
        }
    }

    /// What the engine is that has the store, and what to do about it.
    func holder() async -> String {
        guard let process = self.engine else {
            return "it has ended in the meantime: try again"
        }
        if Self.words(of: process).dropFirst().first == "serve" {
            return "it is 'selfheal serve', which starts runbooks by itself and answers 'approve', 'cancel' and 'why'; "
                + "to run one by hand, stop it first: its runs rest in the store until an engine takes them up again"
        }
        let runs = await self.read { try await $0.runs(.unfinished) } ?? []
        guard let run = runs.last else {
            return "wait until it has ended"
        }
        let gate =
            run.state == RunState.waitingForApproval.rawValue
            ? "; it waits for an approval, and 'selfheal show \(run.id)' tells how to answer" : ""
        return "it drives run \(run.id) of '\(run.runbook)'\(gate); wait for it, or 'selfheal cancel \(run.id)' ends it"
    }

    private func read<Value: Sendable>(_ body: (RunStore) async throws -> Value) async -> Value? {
        guard let store = try? RunStore.open(folder: self.configuration.storeFolder, mode: .readOnly) else {
            return nil
        }
        let value = try? await body(store)
        await store.close()
        return value
    }

    /// The command line of a process; nothing where it cannot be read.
    private static func words(of process: Int32) -> [String] {
        guard case .success(let bytes) = TextFile.read("/proc/\(process)/cmdline") else {
            return []
        }
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }
}

extension Freeze {
    /// `frozen by ada since 2026-11-21 03:42:10 UTC: change 1234`.
    fileprivate var standing: String {
        "frozen by \(self.by) since \(CalendarText.utc(self.since)): \(self.because)"
    }
}
