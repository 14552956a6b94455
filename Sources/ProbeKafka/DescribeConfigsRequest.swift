// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Asks for settings of topics, or of the broker itself.
struct DescribeConfigsRequest: KafkaRequest {
    static let api = KafkaAPI.describeConfigs

    enum Resource: Hashable, Sendable {
        case topic(String)
        /// Answered by this very broker alone; any other says that it is not the one.
        case broker(Int32)
    }

    struct Answer: Hashable, Sendable {
        var name: String
        var error: KafkaErrorCode
        var values: [String: String]
    }

    var resources: [Resource]
    var keys: [String]

    func write(to writer: inout KafkaWriter, version: Int16) {
        writer.writeList(self.resources) { writer, resource in
            switch resource {
            case .topic(let name):
                writer.write(Int8(2))
                writer.write(name)
            case .broker(let id):
                writer.write(Int8(4))
                writer.write("\(id)")
            }
            writer.writeList(self.keys) { writer, key in writer.write(key) }
            writer.writeTags()
        }
        if version >= 1 { writer.write(false) }  // synonyms
        if version >= 3 { writer.write(false) }  // documentation
        writer.writeTags()
    }

    func read(from reader: inout KafkaReader, version: Int16) throws(KafkaWireError) -> [Answer] {
        _ = try reader.readInt32()  // throttle time
        let answers = try reader.readList(ofAtLeast: 6) { reader throws(KafkaWireError) in
            let error = try reader.readErrorCode()
            try reader.skipString()  // the error in words
            _ = try reader.readInt8()
            let name = try reader.readString()
            var values: [String: String] = [:]
            for _ in 0..<(try reader.readCount(ofAtLeast: 5) ?? 0) {
                let key = try reader.readString()
                let value = try reader.readNullableString()
                try Self.skipRest(of: &reader, version)
                if self.keys.contains(key) { values[key] = value }
            }
            try reader.skipTags()
            return Answer(name: name, error: error, values: values)
        }
        try reader.skipTags()
        return answers
    }

    /// What follows the value of a setting.
    private static func skipRest(of reader: inout KafkaReader, _ version: Int16) throws(KafkaWireError) {
        _ = try reader.readBool()  // read-only
        try reader.skip(1)  // the default, or in later versions the source
        _ = try reader.readBool()  // sensitive
        if version >= 1 {
            for _ in 0..<(try reader.readCount(ofAtLeast: 3) ?? 0) {
                try reader.skipString()
                try reader.skipString()
                _ = try reader.readInt8()
                try reader.skipTags()
            }
        }
        if version >= 3 {
            _ = try reader.readInt8()
            try reader.skipString()
        }
        try reader.skipTags()
    }
}
