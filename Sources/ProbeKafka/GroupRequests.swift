// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// Asks a broker for the consumer groups it coordinates.
struct ListGroupsRequest: KafkaRequest {
    static let api = KafkaAPI.listGroups

    struct Group: Hashable, Sendable {
        var id: String
        /// `consumer`; empty for those who only keep offsets; `connect` and others have none.
        var protocolType: String
    }

    struct Reply: Hashable, Sendable {
        var error: KafkaErrorCode
        var groups: [Group]
    }

    func write(to writer: inout KafkaWriter, version: Int16) {
        if version >= 4 { writer.writeList([]) { (writer: inout KafkaWriter, state: String) in writer.write(state) } }
        writer.writeTags()
    }

    func read(from reader: inout KafkaReader, version: Int16) throws(KafkaWireError) -> Reply {
        if version >= 1 { _ = try reader.readInt32() }  // throttle time
        let error = try reader.readErrorCode()
        let groups = try reader.readList(ofAtLeast: 2) { reader throws(KafkaWireError) in
            let group = Group(id: try reader.readString(), protocolType: try reader.readString())
            if version >= 4 { try reader.skipString() }  // state
            try reader.skipTags()
            return group
        }
        try reader.skipTags()
        return Reply(error: error, groups: groups)
    }
}

/// Asks a group's coordinator for every offset the group has committed.
struct OffsetFetchRequest: KafkaRequest {
    static let api = KafkaAPI.offsetFetch

    struct Reply: Hashable, Sendable {
        var error: KafkaErrorCode
        /// The next offset to be read, by partition; what was never committed is left out.
        var committed: [TopicPartition: Int64]
        /// The first error of a partition.
        var partitionError: KafkaErrorCode
    }

    var group: String

    func write(to writer: inout KafkaWriter, version: Int16) {
        writer.write(self.group)
        writer.writeList(nil) { (_: inout KafkaWriter, _: String) in }  // all topics
        if version >= 7 { writer.write(false) }  // as it is now, pending transactions or not
        writer.writeTags()
    }

    func read(from reader: inout KafkaReader, version: Int16) throws(KafkaWireError) -> Reply {
        if version >= 3 { _ = try reader.readInt32() }  // throttle time
        var reply = Reply(error: .none, committed: [:], partitionError: .none)
        for _ in 0..<(try reader.readCount(ofAtLeast: 3) ?? 0) {
            let topic = try reader.readString()
            for _ in 0..<(try reader.readCount(ofAtLeast: 15) ?? 0) {
                let index = try reader.readInt32()
                let offset = try reader.readInt64()
                if version >= 5 { _ = try reader.readInt32() }  // leader epoch
                try reader.skipString()  // what the group wrote beside it
                let error = try reader.readErrorCode()
                try reader.skipTags()
                if error != .none, reply.partitionError == .none { reply.partitionError = error }
                if error == .none, offset >= 0 {
                    reply.committed[TopicPartition(topic: topic, partition: index)] = offset
                }
            }
            try reader.skipTags()
        }
        reply.error = try reader.readErrorCode()
        try reader.skipTags()
        return reply
    }
}
