// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// A broker as others list it.
package struct KafkaBroker: Hashable, Sendable {
    package var id: Int32
    /// What it advertises to clients.
    package var host: String
    package var port: Int32

    package init(id: Int32, host: String, port: Int32) {
        self.id = id
        self.host = host
        self.port = port
    }
}

/// Asks for the brokers that are alive, the controller, and topics with their partitions.
struct MetadataRequest: KafkaRequest {
    static let api = KafkaAPI.metadata
    /// Some 400,000 partitions of three replicas.
    static let replyLimit = 16 << 20
    static let brokerLimit = 10_000
    static let topicLimit = 100_000

    enum Topics: Hashable, Sendable {
        case none
        case all
        case named([String])
    }

    struct Partition: Hashable, Sendable {
        var index: Int32
        var error: KafkaErrorCode
        /// -1 for none.
        var leader: Int32
        var replicas: Int32
        var inSync: Int32
    }

    struct Topic: Hashable, Sendable {
        var name: String
        var error: KafkaErrorCode
        var partitions: [Partition]
    }

    struct Reply: Hashable, Sendable {
        var brokers: [KafkaBroker]
        var clusterID: String?
        /// The active controller where ZooKeeper elects it, else any broker that is alive; -1 for none.
        var controller: Int32
        var topics: [Topic]
    }

    var topics: Topics

    func write(to writer: inout KafkaWriter, version: Int16) {
        let names: [String]? =
            switch self.topics {
            case .none: []
            case .all: nil
            case .named(let names): names
            }
        writer.writeList(names) { writer, name in
            if version >= 10 {
                // By name, so the id is all zeros.
                writer.write(UInt64(0))
                writer.write(UInt64(0))
            }
            writer.write(name)
            writer.writeTags()
        }
        if version >= 4 { writer.write(false) }  // a look creates no topic
        if (8...10).contains(version) { writer.write(false) }
        if version >= 8 { writer.write(false) }
        writer.writeTags()
    }

    func read(from reader: inout KafkaReader, version: Int16) throws(KafkaWireError) -> Reply {
        if version >= 3 { _ = try reader.readInt32() }  // throttle time
        let brokers = try reader.readList(ofAtLeast: 9, limit: Self.brokerLimit) { reader throws(KafkaWireError) in
            let broker = KafkaBroker(
                id: try reader.readInt32(),
                host: try reader.readString(),
                port: try reader.readInt32()
            )
            try reader.skipString()  // rack
            try reader.skipTags()
            return broker
        }
        let clusterID = version >= 2 ? try reader.readNullableString() : nil
        let controller = try reader.readInt32()
        let topics = try reader.readList(ofAtLeast: 5, limit: Self.topicLimit) { reader throws(KafkaWireError) in
            try Self.topic(from: &reader, version)
        }
        if (8...10).contains(version) { _ = try reader.readInt32() }
        try reader.skipTags()
        return Reply(brokers: brokers, clusterID: clusterID, controller: controller, topics: topics)
    }

    private static func topic(
        from reader: inout KafkaReader,
        _ version: Int16
    ) throws(KafkaWireError) -> Topic {
        let error = try reader.readErrorCode()
        let name = try reader.readNullableString() ?? ""
        if version >= 10 { try reader.skip(16) }
        _ = try reader.readBool()  // internal
        var partitions: [Partition] = []
        for _ in 0..<(try reader.readCount(ofAtLeast: 18) ?? 0) {
            partitions.append(try self.partition(from: &reader, version))
        }
        if version >= 8 { _ = try reader.readInt32() }
        try reader.skipTags()
        return Topic(name: name, error: error, partitions: partitions)
    }

    private static func partition(
        from reader: inout KafkaReader,
        _ version: Int16
    ) throws(KafkaWireError) -> Partition {
        let error = try reader.readErrorCode()
        let index = try reader.readInt32()
        let leader = try reader.readInt32()
        if version >= 7 { _ = try reader.readInt32() }  // leader epoch
        let replicas = try reader.readCount(ofAtLeast: 4) ?? 0
        try reader.skip(4 * replicas)
        let inSync = try reader.readCount(ofAtLeast: 4) ?? 0
        try reader.skip(4 * inSync)
        if version >= 5 { try reader.skip(4 * (try reader.readCount(ofAtLeast: 4) ?? 0)) }  // on disks that failed
        try reader.skipTags()
        return Partition(
            index: index,
            error: error,
            leader: leader,
            replicas: Int32(clamping: replicas),
            inSync: Int32(clamping: inSync)
        )
    }
}
