// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Asks for the state of the quorum of controllers; brokers pass it on to the active one.
struct DescribeQuorumRequest: KafkaRequest {
    static let api = KafkaAPI.describeQuorum
    /// A quorum has three or five voters; observers are all brokers.
    static let memberLimit = 10_000

    struct Voter: Hashable, Sendable {
        var id: Int32
        var logEndOffset: Int64
        /// By the leader's clock, in milliseconds since 1970; -1 if not known.
        var lastCaughtUp: Int64
    }

    struct Reply: Hashable, Sendable {
        var error: KafkaErrorCode
        /// -1 for none.
        var leader: Int32
        var epoch: Int32
        var highWatermark: Int64
        var voters: [Voter]
    }

    func write(to writer: inout KafkaWriter, version: Int16) {
        writer.writeList(["__cluster_metadata"]) { writer, topic in
            writer.write(topic)
            writer.writeList([Int32(0)]) { writer, partition in
                writer.write(partition)
                writer.writeTags()
            }
            writer.writeTags()
        }
        writer.writeTags()
    }

    func read(from reader: inout KafkaReader, version: Int16) throws(KafkaWireError) -> Reply {
        var reply = Reply(error: try reader.readErrorCode(), leader: -1, epoch: -1, highWatermark: -1, voters: [])
        if version >= 2 { try reader.skipString() }  // the error in words
        for _ in 0..<(try reader.readCount(ofAtLeast: 3) ?? 0) {
            try reader.skipString()
            for _ in 0..<(try reader.readCount(ofAtLeast: 25) ?? 0) {
                try Self.readPartition(from: &reader, version, into: &reply)
            }
            try reader.skipTags()
        }
        if version >= 2 { try Self.skipNodes(of: &reader) }
        try reader.skipTags()
        return reply
    }

    private static func readPartition(
        from reader: inout KafkaReader,
        _ version: Int16,
        into reply: inout Reply
    ) throws(KafkaWireError) {
        let index = try reader.readInt32()
        var error = try reader.readErrorCode()
        if version >= 2 { try reader.skipString() }
        if reply.error != .none { error = reply.error }
        let leader = try reader.readInt32()
        let epoch = try reader.readInt32()
        let highWatermark = try reader.readInt64()
        let voters = try self.members(from: &reader, version)
        _ = try self.members(from: &reader, version)  // observers
        try reader.skipTags()
        if index == 0 {
            reply = Reply(error: error, leader: leader, epoch: epoch, highWatermark: highWatermark, voters: voters)
        }
    }

    private static func members(
        from reader: inout KafkaReader,
        _ version: Int16
    ) throws(KafkaWireError) -> [Voter] {
        try reader.readList(ofAtLeast: 13, limit: self.memberLimit) { reader throws(KafkaWireError) in
            let id = try reader.readInt32()
            if version >= 2 { try reader.skip(16) }  // its directory
            var voter = Voter(id: id, logEndOffset: try reader.readInt64(), lastCaughtUp: -1)
            if version >= 1 {
                _ = try reader.readInt64()  // last fetch
                voter.lastCaughtUp = try reader.readInt64()
            }
            try reader.skipTags()
            return voter
        }
    }

    /// Ids with the addresses of their listeners.
    private static func skipNodes(of reader: inout KafkaReader) throws(KafkaWireError) {
        for _ in 0..<(try reader.readCount(ofAtLeast: 6) ?? 0) {
            _ = try reader.readInt32()
            for _ in 0..<(try reader.readCount(ofAtLeast: 5) ?? 0) {
                try reader.skipString()
                try reader.skipString()
                try reader.skip(2)
                try reader.skipTags()
            }
            try reader.skipTags()
        }
    }
}

/// Asks for the cluster's identity, which a listener for controllers tells too, though it knows no Metadata.
struct DescribeClusterRequest: KafkaRequest {
    static let api = KafkaAPI.describeCluster

    struct Reply: Hashable, Sendable {
        var error: KafkaErrorCode
        var clusterID: String
    }

    func write(to writer: inout KafkaWriter, version: Int16) {
        writer.write(false)  // authorized operations
        if version >= 1 { writer.write(Int8(2)) }  // controllers: only their listeners are asked this
        writer.writeTags()
    }

    func read(from reader: inout KafkaReader, version: Int16) throws(KafkaWireError) -> Reply {
        _ = try reader.readInt32()  // throttle time
        let error = try reader.readErrorCode()
        try reader.skipString()  // the error in words
        if version >= 1 { _ = try reader.readInt8() }
        let clusterID = try reader.readString()
        _ = try reader.readInt32()  // the controller, which is asked of the quorum itself
        for _ in 0..<(try reader.readCount(ofAtLeast: 11) ?? 0) {
            _ = try reader.readInt32()
            try reader.skipString()
            _ = try reader.readInt32()
            try reader.skipString()
            try reader.skipTags()
        }
        _ = try reader.readInt32()
        try reader.skipTags()
        return Reply(error: error, clusterID: clusterID)
    }
}

/// Asks which partitions are being moved.
struct ListReassignmentsRequest: KafkaRequest {
    static let api = KafkaAPI.listPartitionReassignments

    struct Reply: Hashable, Sendable {
        var error: KafkaErrorCode
        /// How many replicas are being added, by partition; none where some are only taken away.
        var adding: [TopicPartition: Int32]
    }

    func write(to writer: inout KafkaWriter, version: Int16) {
        writer.write(Int32(5_000))  // how long the controller may take, in milliseconds
        writer.writeList(nil) { (_: inout KafkaWriter, _: String) in }  // all topics
        writer.writeTags()
    }

    func read(from reader: inout KafkaReader, version: Int16) throws(KafkaWireError) -> Reply {
        _ = try reader.readInt32()  // throttle time
        var reply = Reply(error: try reader.readErrorCode(), adding: [:])
        try reader.skipString()  // the error in words
        for _ in 0..<(try reader.readCount(ofAtLeast: 3) ?? 0) {
            let topic = try reader.readString()
            for _ in 0..<(try reader.readCount(ofAtLeast: 8) ?? 0) {
                let index = try reader.readInt32()
                try reader.skip(4 * (try reader.readCount(ofAtLeast: 4) ?? 0))
                let adding = try reader.readCount(ofAtLeast: 4) ?? 0
                try reader.skip(4 * adding)
                let removing = try reader.readCount(ofAtLeast: 4) ?? 0
                try reader.skip(4 * removing)
                try reader.skipTags()
                // Some list partitions that are not on the move.
                guard adding + removing > 0 else { continue }
                reply.adding[TopicPartition(topic: topic, partition: index)] = Int32(clamping: adding)
            }
            try reader.skipTags()
        }
        try reader.skipTags()
        return reply
    }
}
