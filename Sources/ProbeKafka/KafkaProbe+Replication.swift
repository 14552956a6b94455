// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// How the partitions are.
extension KafkaProbe {
    /// Topics asked about in one request.
    private static let chunk = 500
    /// Topics whose settings are asked for at all.
    private static let settingLimit = 20_000
    private static let minISR = "min.insync.replicas"

    func takeReplication(
        _ council: ClusterCouncil,
        over connection: inout KafkaConnection,
        into report: inout KafkaReport
    ) async {
        guard council.doubt == nil else { return }
        if let doubt = council.replicationDoubt {
            report.problems.append(doubt)
            return
        }
        let topics = council.view.topics
        if let topic = topics.first(where: { $0.error != .none }) {
            report.problems.append("the topic '\(topic.name)' cannot be seen: \(topic.error)")
            return
        }
        report.offline = council.view.partitions(where: \.isOffline).count
        report.reassigning = council.adding?.count
        report.underReplicated = topics.reduce(0) { sum, topic in
            sum
                + topic.partitions.count { partition in
                    let key = TopicPartition(topic: topic.name, partition: partition.index)
                    return partition.isUnderReplicated(adding: council.adding?[key] ?? 0)
                }
        }
        do throws(KafkaProblem) {
            let least = try await self.leastInSync(of: topics, over: &connection)
            report.atMinISR = topics.reduce(0) { sum, topic in
                let limit = least[topic.name] ?? 1
                return sum + topic.partitions.count { $0.inSync == limit && $0.replicas > limit }
            }
            report.underMinISR = topics.reduce(0) { sum, topic in
                let limit = least[topic.name] ?? 1
                return sum + topic.partitions.count { $0.inSync < limit }
            }
        } catch {
            report.note(error)
        }
    }

    /// How many replicas must be in sync for a write that wants all, by topic.
    private func leastInSync(
        of topics: [MetadataRequest.Topic],
        over connection: inout KafkaConnection
    ) async throws(KafkaProblem) -> [String: Int32] {
        guard topics.count <= Self.settingLimit else {
            let text = "\(topics.count) topics; the settings of \(Self.settingLimit) at most are asked for"
            throw connection.problem(.tooMuch(text), KafkaAPI.describeConfigs.name)
        }
        var least: [String: Int32] = [:]
        for start in stride(from: 0, to: topics.count, by: Self.chunk) {
            let names = topics[start..<min(start + Self.chunk, topics.count)].map(\.name)
            let answers = try await connection.ask(
                DescribeConfigsRequest(resources: names.map { .topic($0) }, keys: [Self.minISR])
            )
            var answered: Set<String> = []
            for answer in answers {
                // A topic that was deleted in between has no partitions to count any more.
                guard answer.error == .none else {
                    throw connection.problem(.refused(answer.error), "settings of the topic '\(answer.name)'")
                }
                guard let text = answer.values[Self.minISR], let number = Int32(text) else {
                    throw connection.problem(.malformed("no \(Self.minISR)"), "settings of the topic '\(answer.name)'")
                }
                answered.insert(answer.name)
                least[answer.name] = number
            }
            guard answered.isSuperset(of: names) else {
                throw connection.problem(.malformed("not every topic was answered"), KafkaAPI.describeConfigs.name)
            }
        }
        return least
    }
}
