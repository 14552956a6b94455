// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// An error number of Kafka's protocol, with the names its own documentation uses.
package struct KafkaErrorCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package var rawValue: Int16

    package init(rawValue: Int16) {
        self.rawValue = rawValue
    }

    package static let none = Self(rawValue: 0)
    package static let unknownTopicOrPartition = Self(rawValue: 3)
    package static let leaderNotAvailable = Self(rawValue: 5)
    package static let notLeaderOrFollower = Self(rawValue: 6)
    package static let unsupportedVersion = Self(rawValue: 35)
    package static let invalidRequest = Self(rawValue: 42)

    private static let names: [Int16: String] = [
        -1: "UNKNOWN_SERVER_ERROR", 0: "NONE", 1: "OFFSET_OUT_OF_RANGE", 3: "UNKNOWN_TOPIC_OR_PARTITION",
        5: "LEADER_NOT_AVAILABLE", 6: "NOT_LEADER_OR_FOLLOWER", 7: "REQUEST_TIMED_OUT", 8: "BROKER_NOT_AVAILABLE",
        9: "REPLICA_NOT_AVAILABLE", 13: "NETWORK_EXCEPTION", 14: "COORDINATOR_LOAD_IN_PROGRESS",
        15: "COORDINATOR_NOT_AVAILABLE", 16: "NOT_COORDINATOR", 17: "INVALID_TOPIC_EXCEPTION",
        29: "TOPIC_AUTHORIZATION_FAILED", 30: "GROUP_AUTHORIZATION_FAILED", 31: "CLUSTER_AUTHORIZATION_FAILED",
        35: "UNSUPPORTED_VERSION", 41: "NOT_CONTROLLER", 42: "INVALID_REQUEST", 43: "UNSUPPORTED_FOR_MESSAGE_FORMAT",
        56: "KAFKA_STORAGE_ERROR", 69: "GROUP_ID_NOT_FOUND", 72: "LISTENER_NOT_FOUND", 74: "FENCED_LEADER_EPOCH",
        76: "UNKNOWN_LEADER_EPOCH", 78: "OFFSET_NOT_AVAILABLE", 89: "THROTTLING_QUOTA_EXCEEDED",
        114: "MISMATCHED_ENDPOINT_TYPE", 115: "UNSUPPORTED_ENDPOINT_TYPE",
    ]

    package var description: String {
        Self.names[self.rawValue] ?? "error \(self.rawValue)"
    }
}
