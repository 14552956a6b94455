// Selfheal
// SPDX-License-Identifier: Apache-2.0

package import RunJournal

/// Remembers which store of receipts each host had when commands were started there.
///
/// "There is no receipt" means "it never ran" only in the store in which it would have been claimed. So the name of that store is durable
/// before the first command is started, and the engine that asks after a crash asks with it.
package protocol IncarnationMemory: Sendable {
    func incarnation(at place: String) async throws -> String?
    /// Returns when it is durable.
    func remember(_ incarnation: String, at place: String) async throws
}

/// Keeps them beside the runs.
package struct StoredIncarnations: IncarnationMemory {
    private let store: RunStore

    package init(store: RunStore) {
        self.store = store
    }

    package func incarnation(at place: String) async throws -> String? {
        try await self.store.setting(Self.key(place))
    }

    package func remember(_ incarnation: String, at place: String) async throws {
        try await self.store.setSetting(Self.key(place), to: incarnation)
    }

    /// The store's own name among all that may ever speak to a host; made once, and copied with the store.
    ///
    /// A store that was brought back from a backup keeps it, and so is fenced off by what its later self has sent.
    package func family() async throws -> String {
        if let known = try await self.store.setting(Self.familyKey) {
            return known
        }
        let fresh = String(Nonce.fresh().prefix(16))
        try await self.store.setSetting(Self.familyKey, to: fresh)
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

    private static func key(_ place: String) -> String {
        "receipts at \(place)"
    }
}
