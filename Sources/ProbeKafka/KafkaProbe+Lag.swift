// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Probes

/// How far behind consumer groups are.
extension KafkaProbe {
    private static let groupLimit = 1_000
    private static let partitionLimit = 50_000
    /// Leaders that are asked at a time.
    private static let width = 16

    /// What groups have committed on partitions of one leader.
    private typealias Commits = [TopicPartition: [(group: String, offset: Int64)]]

    func takeLag(
        over connection: inout KafkaConnection,
        by deadline: ContinuousClock.Instant,
        using prober: SocketProber,
        into report: inout KafkaReport
    ) async throws(KafkaProblem) {
        let commits = try await self.commits(over: &connection)
        guard !commits.isEmpty else {
            report.lagSeconds = 0
            report.lagMessages = 0
            report.lagGroup = ""
            return
        }
        let shares = try await self.shares(of: commits, over: &connection)
        let asked = await self.askLeaders(shares, by: deadline, using: prober)
        var sum: Int64 = 0
        var worst = LeaderLag.Worst(age: 0, group: "")
        var unclear: Int64 = 0
        var areTimesKnown = true
        for answer in asked {
            let lag = try answer.get()
            sum &+= lag.messages
            unclear = max(unclear, lag.mostUnclear)
            if lag.worst.age > worst.age || worst.group.isEmpty { worst = lag.worst }
            if let problem = lag.timeProblem {
                areTimesKnown = false
                report.note(problem)
            }
        }
        report.lagMessages = sum
        guard areTimesKnown else { return }
        guard unclear <= worst.age else {
            let text =
                "records that were not read cannot be told from marks of transactions; they may be \(unclear / 1_000) seconds old"
            report.problems.append(text)
            return
        }
        report.lagSeconds = worst.age / 1_000
        report.lagGroup = worst.group
    }

    // MARK: What the groups have read

    private func commits(over connection: inout KafkaConnection) async throws(KafkaProblem) -> Commits {
        let listed = try await connection.ask(ListGroupsRequest())
        guard listed.error == .none else {
            throw connection.problem(.refused(listed.error), KafkaAPI.listGroups.name)
        }
        // Groups of connectors and the like keep no offsets.
        let groups = listed.groups.filter { $0.protocolType == "consumer" || $0.protocolType.isEmpty }
        guard groups.count <= Self.groupLimit else {
            let text = "\(groups.count) groups on one broker; \(Self.groupLimit) at most are looked at"
            throw connection.problem(.tooMuch(text), KafkaAPI.listGroups.name)
        }
        var commits: Commits = [:]
        var count = 0
        for group in groups {
            let fetched = try await connection.ask(OffsetFetchRequest(group: group.id))
            for error in [fetched.error, fetched.partitionError] where error != .none {
                throw connection.problem(.refused(error), "offsets of the group '\(group.id)'")
            }
            count += fetched.committed.count
            guard count <= Self.partitionLimit else {
                let text = "more than \(Self.partitionLimit) committed offsets on one broker"
                throw connection.problem(.tooMuch(text), "offsets of the group '\(group.id)'")
            }
            for (partition, offset) in fetched.committed {
                commits[partition, default: []].append((group.id, offset))
            }
        }
        return commits
    }

    /// The commits by the broker that leads the partition.
    private func shares(
        of commits: Commits,
        over connection: inout KafkaConnection
    ) async throws(KafkaProblem) -> [(broker: KafkaBroker, commits: Commits)] {
        let names = Set(commits.keys.map(\.topic)).sorted()
        let metadata = try await connection.ask(MetadataRequest(topics: .named(names)))
        let brokers = Dictionary(metadata.brokers.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var shares: [Int32: Commits] = [:]
        for topic in metadata.topics {
            // A group may remember a topic that was deleted.
            if topic.error == .unknownTopicOrPartition { continue }
            guard topic.error == .none else {
                throw connection.problem(.refused(topic.error), "the leaders of '\(topic.name)'")
            }
            for partition in topic.partitions {
                let key = TopicPartition(topic: topic.name, partition: partition.index)
                guard let committed = commits[key] else { continue }
                guard brokers[partition.leader] != nil else {
                    throw connection.problem(.refused(.leaderNotAvailable), "\(topic.name)-\(partition.index)")
                }
                shares[partition.leader, default: [:]][key] = committed
            }
        }
        return shares.sorted { $0.key < $1.key }.compactMap { id, commits in
            brokers[id].map { ($0, commits) }
        }
    }

    // MARK: Leaders

    private func askLeaders(
        _ shares: [(broker: KafkaBroker, commits: Commits)],
        by deadline: ContinuousClock.Instant,
        using prober: SocketProber
    ) async -> [Result<LeaderLag, KafkaProblem>] {
        await withTaskGroup(of: Result<LeaderLag, KafkaProblem>.self) { group in
            var answers: [Result<LeaderLag, KafkaProblem>] = []
            for (index, share) in shares.enumerated() {
                if index >= Self.width, let answer = await group.next() { answers.append(answer) }
                group.addTask {
                    do throws(KafkaProblem) {
                        return .success(try await self.ask(share.broker, share.commits, by: deadline, using: prober))
                    } catch {
                        return .failure(error)
                    }
                }
            }
            for await answer in group { answers.append(answer) }
            return answers
        }
    }

    private func ask(
        _ broker: KafkaBroker,
        _ commits: Commits,
        by deadline: ContinuousClock.Instant,
        using prober: SocketProber
    ) async throws(KafkaProblem) -> LeaderLag {
        guard let endpoint = self.locate(broker) else {
            let text = "its address '\(broker.host)' with the port \(broker.port) cannot be used"
            throw KafkaProblem(reason: .stranger(text), peer: "broker \(broker.id)", action: "connect")
        }
        var connection = try await KafkaConnection.open(endpoint, by: deadline, using: prober)
        return try await LeaderLag(of: commits, now: self.now, over: &connection)
    }
}

/// The lag of groups on the partitions of one leader.
struct LeaderLag: Sendable {
    struct Worst: Hashable, Sendable {
        /// Milliseconds.
        var age: Int64
        var group: String
    }

    /// Questions to one leader until every moment is found; halving a hundred years to a millisecond takes 42.
    private static let rounds = 100

    private(set) var messages: Int64 = 0
    private(set) var worst = Worst(age: 0, group: "")
    /// Why the ages are not known, though the numbers are.
    private(set) var timeProblem: KafkaProblem?
    private var searches: [TopicPartition: (search: LagSearch, group: String)] = [:]

    init(
        of commits: [TopicPartition: [(group: String, offset: Int64)]],
        now: Int64,
        over connection: inout KafkaConnection
    ) async throws(KafkaProblem) {
        let latest = try await Self.offsets(commits.mapValues { _ in ListOffsetsRequest.latest }, over: &connection)
        let earliest = try await Self.offsets(commits.mapValues { _ in ListOffsetsRequest.earliest }, over: &connection)
        for (partition, committed) in commits {
            guard let end = latest[partition]?.offset, let start = earliest[partition]?.offset else { continue }
            // The group that has read least is as old as any on this partition.
            var last: (group: String, offset: Int64)?
            for commit in committed {
                // What was deleted before it was read cannot lag any more; a group ahead of the log's end is none behind it.
                let offset = max(commit.offset, start)
                guard offset < end else { continue }
                self.messages &+= end &- offset
                if last.map({ offset < $0.offset }) ?? true { last = (commit.group, offset) }
            }
            if let last {
                self.searches[partition] = (LagSearch(offset: last.offset, now: now), last.group)
            }
        }
        do throws(KafkaProblem) {
            try await self.search(over: &connection)
        } catch {
            self.timeProblem = error
        }
    }

    private mutating func search(over connection: inout KafkaConnection) async throws(KafkaProblem) {
        for _ in 0..<Self.rounds {
            self.settle()
            let questions = self.searches.compactMapValues(\.search.question)
            guard !questions.isEmpty else { break }
            let answers = try await Self.offsets(questions, over: &connection)
            for (partition, answer) in answers {
                // No record is so young: Kafka then leaves out both numbers, others the time alone.
                let isNone = answer.offset < 0 || answer.timestamp < 0
                self.searches[partition]?.search.take(isNone ? nil : (answer.offset, answer.timestamp))
            }
        }
        guard self.searches.isEmpty else {
            throw connection.problem(
                .malformed("the times of its records lead nowhere after \(Self.rounds) questions"),
                KafkaAPI.listOffsets.name
            )
        }
    }

    /// The greatest age that something unread may have, where it cannot be told.
    private(set) var mostUnclear: Int64 = 0

    /// Takes what is found, and drops what cannot be older than that.
    private mutating func settle() {
        for (partition, (search, group)) in self.searches {
            switch search.result {
            case .age(let age):
                if age > self.worst.age || self.worst.group.isEmpty { self.worst = Worst(age: age, group: group) }
                self.searches[partition] = nil
            case .nothingUnread: self.searches[partition] = nil
            case .unclear(let most):
                self.mostUnclear = max(self.mostUnclear, most)
                self.searches[partition] = nil
            case nil: break
            }
        }
        for (partition, (search, _)) in self.searches {
            if let bound = search.upperBound, !self.worst.group.isEmpty, bound <= self.worst.age {
                self.searches[partition] = nil
            }
        }
    }

    private static func offsets(
        _ moments: [TopicPartition: Int64],
        over connection: inout KafkaConnection
    ) async throws(KafkaProblem) -> [TopicPartition: ListOffsetsRequest.Answer] {
        let answers = try await connection.ask(ListOffsetsRequest(moments))
        var found: [TopicPartition: ListOffsetsRequest.Answer] = [:]
        for answer in answers {
            guard answer.error == .none else {
                let name = "\(answer.partition.topic)-\(answer.partition.partition)"
                throw connection.problem(.refused(answer.error), "offsets of \(name)")
            }
            found[answer.partition] = answer
        }
        guard Set(found.keys) == Set(moments.keys) else {
            throw connection.problem(.malformed("other partitions than were asked for"), KafkaAPI.listOffsets.name)
        }
        return found
    }
}
