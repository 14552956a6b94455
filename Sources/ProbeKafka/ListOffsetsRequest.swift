// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// One partition of a topic.
struct TopicPartition: Hashable, Sendable {
    var topic: String
    var partition: Int32
}

/// Asks the leader of partitions for the first offset at or after a moment, or for either end.
struct ListOffsetsRequest: KafkaRequest {
    static let api = KafkaAPI.listOffsets

    /// Stands where a moment would: the offset the next record will have.
    static let latest: Int64 = -1
    /// Stands where a moment would: the oldest offset there is.
    static let earliest: Int64 = -2

    struct Answer: Hashable, Sendable {
        var partition: TopicPartition
        var error: KafkaErrorCode
        /// Of the record found, in milliseconds since 1970; -1 for an end of the log, or none.
        var timestamp: Int64
        /// -1 if there is no record so young.
        var offset: Int64
    }

    /// For each partition a moment in milliseconds since 1970; no partition twice, which brokers refuse.
    var wanted: [(topic: String, partitions: [(index: Int32, timestamp: Int64)])]

    /// Puts what belongs to a topic together; the order is that of the names, so that the same question has the same bytes.
    init(_ timestamps: [TopicPartition: Int64]) {
        self.wanted = Dictionary(grouping: timestamps.keys, by: \.topic)
            .sorted { $0.key < $1.key }
            .map { topic, keys in
                (
                    topic,
                    keys.sorted { $0.partition < $1.partition }.map { ($0.partition, timestamps[$0] ?? Self.latest) }
                )
            }
    }

    func write(to writer: inout KafkaWriter, version: Int16) {
        writer.write(Int32(-1))  // a client, not a replica
        if version >= 2 { writer.write(Int8(0)) }  // transactions that are open count
        writer.writeList(self.wanted) { writer, topic in
            writer.write(topic.topic)
            writer.writeList(topic.partitions) { writer, partition in
                writer.write(partition.index)
                if version >= 4 { writer.write(Int32(-1)) }  // any epoch of the leader
                writer.write(partition.timestamp)
                writer.writeTags()
            }
            writer.writeTags()
        }
        writer.writeTags()
    }

    func read(from reader: inout KafkaReader, version: Int16) throws(KafkaWireError) -> [Answer] {
        if version >= 2 { _ = try reader.readInt32() }  // throttle time
        var answers: [Answer] = []
        for _ in 0..<(try reader.readCount(ofAtLeast: 3) ?? 0) {
            let topic = try reader.readString()
            answers += try reader.readList(ofAtLeast: 22) { reader throws(KafkaWireError) in
                let index = try reader.readInt32()
                let answer = Answer(
                    partition: TopicPartition(topic: topic, partition: index),
                    error: try reader.readErrorCode(),
                    timestamp: try reader.readInt64(),
                    offset: try reader.readInt64()
                )
                if version >= 4 { _ = try reader.readInt32() }
                try reader.skipTags()
                return answer
            }
            try reader.skipTags()
        }
        try reader.skipTags()
        return answers
    }
}
