// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Asks which versions of which requests the broker takes; a broker answers this before anything else.
struct ApiVersionsRequest: KafkaRequest {
    static let api = KafkaAPI.apiVersions
    static let replyLimit = 64 << 10

    struct Reply: Hashable, Sendable {
        /// ``KafkaErrorCode/unsupportedVersion`` comes in the form of version 0, whatever was asked.
        var error: KafkaErrorCode
        var versions: [Int16: ClosedRange<Int16>]

        /// The highest version of a request that both sides speak.
        func version(of api: KafkaAPI) -> Int16? {
            guard let theirs = self.versions[api.rawValue] else { return nil }
            let highest = min(theirs.upperBound, api.versions.upperBound)
            return highest >= max(theirs.lowerBound, api.versions.lowerBound) ? highest : nil
        }
    }

    func write(to writer: inout KafkaWriter, version: Int16) {
        guard version >= 3 else { return }
        // Brokers count clients by these; anything but letters, digits, dots and hyphens is refused.
        writer.write("selfheal")
        writer.write("1")
        writer.writeTags()
    }

    func read(from reader: inout KafkaReader, version: Int16) throws(KafkaWireError) -> Reply {
        let error = try reader.readErrorCode()
        if error == .unsupportedVersion, version > 0 {
            // In version 0 there is nothing behind the list; brokers differ in whether the list says anything.
            var plain = reader.plain
            let versions = try Self.versions(from: &plain)
            reader = plain
            return Reply(error: error, versions: versions)
        }
        let versions = try Self.versions(from: &reader)
        if version >= 1 { _ = try reader.readInt32() }  // throttle time
        try reader.skipTags()
        return Reply(error: error, versions: versions)
    }

    private static func versions(
        from reader: inout KafkaReader
    ) throws(KafkaWireError) -> [Int16: ClosedRange<Int16>] {
        let entries = try reader.readList(ofAtLeast: 6) { reader throws(KafkaWireError) in
            let entry = (key: try reader.readInt16(), low: try reader.readInt16(), high: try reader.readInt16())
            try reader.skipTags()
            return entry
        }
        var versions: [Int16: ClosedRange<Int16>] = [:]
        // A range that is the wrong way round is no version at all.
        for entry in entries where entry.low <= entry.high { versions[entry.key] = entry.low...entry.high }
        return versions
    }
}
