// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The requests that are sent here, every one of which only reads.
package enum KafkaAPI: Int16, CaseIterable, Hashable, Sendable {
    case listOffsets = 2
    case metadata = 3
    case offsetFetch = 9
    case listGroups = 16
    case apiVersions = 18
    case describeConfigs = 32
    case listPartitionReassignments = 46
    case describeQuorum = 55
    case describeCluster = 60

    /// The versions that are written and read here.
    var versions: ClosedRange<Int16> {
        switch self {
        case .listOffsets: 1...7
        case .metadata: 1...12
        case .offsetFetch: 2...7
        case .listGroups: 0...4
        case .apiVersions: 0...4
        case .describeConfigs: 0...4
        case .listPartitionReassignments: 0...0
        case .describeQuorum: 0...2
        case .describeCluster: 0...1
        }
    }

    var firstFlexibleVersion: Int16 {
        switch self {
        case .listOffsets, .offsetFetch: 6
        case .metadata: 9
        case .listGroups, .apiVersions: 3
        case .describeConfigs: 4
        case .listPartitionReassignments, .describeQuorum, .describeCluster: 0
        }
    }

    /// As it stands in messages.
    var name: String {
        switch self {
        case .listOffsets: "ListOffsets"
        case .metadata: "Metadata"
        case .offsetFetch: "OffsetFetch"
        case .listGroups: "ListGroups"
        case .apiVersions: "ApiVersions"
        case .describeConfigs: "DescribeConfigs"
        case .listPartitionReassignments: "ListPartitionReassignments"
        case .describeQuorum: "DescribeQuorum"
        case .describeCluster: "DescribeCluster"
        }
    }
}

/// A request and how its answer is read, both by version.
protocol KafkaRequest: Sendable {
    associatedtype Reply: Sendable

    static var api: KafkaAPI { get }
    /// The longest answer that is taken, in bytes.
    static var replyLimit: Int { get }

    func write(to writer: inout KafkaWriter, version: Int16)
    func read(from reader: inout KafkaReader, version: Int16) throws(KafkaWireError) -> Reply
}

extension KafkaRequest {
    static var replyLimit: Int { 4 << 20 }

    /// The request with its header and length, as it goes over the wire.
    func frame(version: Int16, correlation: Int32, client: String) -> [UInt8] {
        let isFlexible = version >= Self.api.firstFlexibleVersion
        // The client's name keeps the old encoding in the header of flexible versions too.
        var head = KafkaWriter()
        head.write(Self.api.rawValue)
        head.write(version)
        head.write(correlation)
        head.write(client)
        if isFlexible { head.writeUnsigned(0) }
        var body = KafkaWriter(isFlexible: isFlexible)
        self.write(to: &body, version: version)
        var length = KafkaWriter()
        length.write(Int32(head.bytes.count + body.bytes.count))
        return length.bytes + head.bytes + body.bytes
    }

    /// Reads an answer without its length: the correlation id, which must be the request's, then the body to its last byte.
    func reply(in frame: [UInt8], version: Int16, correlation: Int32) throws(KafkaWireError) -> Reply {
        let isFlexible = version >= Self.api.firstFlexibleVersion
        var head = KafkaReader(frame, isFlexible: isFlexible)
        let number = try head.readInt32()
        guard number == correlation else {
            throw KafkaWireError(message: "an answer to request \(number) instead of \(correlation)")
        }
        // The answer to ApiVersions has the old header in all versions: its reader does not know the version yet.
        if Self.api != .apiVersions { try head.skipTags() }
        let reply = try self.read(from: &head, version: version)
        guard head.remaining == 0 else { throw KafkaWireError(message: "\(head.remaining) bytes too many") }
        return reply
    }
}
