// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunJournal
package import RunVocabulary

/// Remembers which store of receipts each host had when a run first started a command there.
///
/// "There is no receipt" means "it never ran" only in the store in which it would have been claimed. So the name of that store is durable
/// before the first command is started, and the engine that asks after a crash asks with it.
///
/// One memory belongs to one run, whose inventory is pinned: the name of a node means one host in it, whatever another run calls so. All
/// commands of a run on a host use one store of receipts; when it was deleted and begun anew, that run starts nothing more there.
package protocol IncarnationMemory: Sendable {
    func incarnation(at place: String) async throws -> String?
    /// Returns when it is durable.
    func remember(_ incarnation: String, at place: String) async throws
}

/// Keeps them beside the runs.
package struct StoredIncarnations: IncarnationMemory {
    private let store: RunStore
    private let run: RunID

    package init(store: RunStore, run: RunID) {
        self.store = store
        self.run = run
    }

    package func incarnation(at place: String) async throws -> String? {
        try await self.store.setting(self.key(place))
    }

    package func remember(_ incarnation: String, at place: String) async throws {
        try await self.store.setSetting(self.key(place), to: incarnation)
    }

    /// The store's own name among all that may ever speak to a host; made once, and copied with the store.
    ///
    /// A store that was brought back from a backup keeps it, and so is fenced off by what its later self has sent.
    package static func family(of store: RunStore) async throws -> String {
        if let known = try await store.setting(Self.familyKey) {
            return known
        }
        let fresh = String(Nonce.fresh().prefix(16))
        try await store.setSetting(Self.familyKey, to: fresh)
        return fresh
    }

    /// The name that the store in a folder has for itself; nil when no engine has sent anything yet.
    package static func knownFamily(inStoreAt folder: String) async -> String? {
        guard let store = try? RunStore.open(folder: folder, mode: .readOnly) else {
            return nil
        }
        let family = try? await store.setting(Self.familyKey)
        await store.close()
        return family
    }

    private static let familyKey = "receipts family"

    private func key(_ place: String) -> String {
        let key = "receipts of \(self.run) at \(place)"
        guard key.utf8.count > JournalLimits.identifierBytes else {
            return key
        }
        return "receipts \(ContentDigest(of: Array(key.utf8)))"
    }
}
