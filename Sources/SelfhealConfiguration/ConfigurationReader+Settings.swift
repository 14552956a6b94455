// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML

/// What runbooks read of their site: `settings.NAME` and `clusters.NAME`.
extension ConfigurationReader {
    func givenSettings(_ reader: inout MappingReader) -> [GivenSetting] {
        let pairs = reader.named("settings", "a mapping of names to values") ?? []
        return pairs.compactMap { pair in
            // It stands behind a full stop in expressions.
            guard Characters.isExpressionName(pair.name.value) else {
                self.sink.report(.badSettingName(pair.name.value, at: pair.name.span))
                return nil
            }
            return reader.text(pair.value, pair.name.value).map { GivenSetting(name: pair.name, value: $0) }
        }
    }

    /// Nothing when there are none, so that bindings without any keep their digests.
    func otherClusters(_ reader: inout MappingReader) -> [NamedCluster]? {
        let pairs = reader.named("clusters", "a mapping of names to clusters") ?? []
        let clusters = pairs.compactMap { pair -> NamedCluster? in
            let what = "cluster '\(pair.name.value)'"
            let help = "write \(pair.name.value): { id: THE_CLUSTERS_ID }"
            guard let key = self.name(pair.name, "cluster"),
                var inner = MappingReader(pair.value, what: what, sink: self.sink, help: help)
            else {
                return nil
            }
            defer { inner.finish() }
            return NamedCluster(
                key: key.value,
                name: inner.text("name").flatMap { self.name($0, "cluster") }?.value ?? key.value,
                id: inner.text("id", or: "cluster_id")?.value ?? "",
                datacenter: inner.text("datacenter")?.value ?? ""
            )
        }
        return clusters.isEmpty ? nil : clusters.sorted { $0.key < $1.key }
    }
}
