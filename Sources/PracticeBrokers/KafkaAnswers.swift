// Selfheal
// SPDX-License-Identifier: Apache-2.0

/// The bodies of a scripted broker's answers, in every version that the program may ask for.
package struct KafkaAnswers: Sendable {
    /// What Kafka 3.9 offers of the requests that are answered here.
    package static let offered: [Int16: ClosedRange<Int16>] = [
        2: 0...9, 3: 0...12, 9: 0...9, 16: 0...5, 18: 0...4, 32: 1...4, 46: 0...0, 60: 0...1,
    ]

    let scene: KafkaScene
    let id: Int32
    let places: [Int32: KafkaPlace]
    let versions: [Int16: ClosedRange<Int16>]

    package init(
        scene: KafkaScene,
        id: Int32,
        places: [Int32: KafkaPlace],
        versions: [Int16: ClosedRange<Int16>] = Self.offered
    ) {
        self.scene = scene
        self.id = id
        self.places = places
        self.versions = versions
    }

    static func isFlexible(_ api: Int16, _ version: Int16) -> Bool {
        let first: [Int16: Int16] = [2: 6, 3: 9, 9: 6, 16: 3, 18: 3, 32: 4, 46: 0, 55: 0, 60: 0]
        return version >= first[api] ?? .max
    }

    /// `request` begins behind the client's name.
    package func body(_ api: Int16, _ version: Int16, _ request: some Sequence<UInt8>) -> [UInt8] {
        let isFlexible = Self.isFlexible(api, version)
        var words = KafkaWords(request, isFlexible: isFlexible)
        words.tags()
        guard self.versions[api]?.contains(version) ?? false else { return self.refusal(of: api) }
        var answer = KafkaBytes(isFlexible: isFlexible)
        switch api {
        case 18: self.apiVersions(version, &answer)
        case 3: self.metadata(version, &words, &answer)
        case 32: self.settings(version, &words, &answer)
        case 2: self.offsets(version, &words, &answer)
        case 16: self.groups(version, &answer)
        case 9: self.commits(version, &words, &answer)
        case 46: self.moves(&answer)
        case 55: self.quorum(version, &answer)
        case 60: self.cluster(version, &answer)
        default: return []
        }
        return answer.bytes
    }

    /// Error 35 in the form of version 0, with what is offered instead.
    private func refusal(of api: Int16) -> [UInt8] {
        var answer = KafkaBytes()
        answer.add(Int16(35))
        guard api == 18 else { return answer.bytes }
        answer.add(list: [api]) { answer, key in
            answer.add(key, self.versions[key]?.lowerBound ?? 0, self.versions[key]?.upperBound ?? 0)
        }
        return answer.bytes
    }

    private func apiVersions(_ version: Int16, _ answer: inout KafkaBytes) {
        answer.add(Int16(0))
        answer.add(list: self.versions.sorted { $0.key < $1.key }) { answer, entry in
            answer.add(entry.key, entry.value.lowerBound, entry.value.upperBound)
            answer.addTags()
        }
        if version >= 1 { answer.add(Int32(0)) }
        answer.addTags()
    }

    private func metadata(_ version: Int16, _ words: inout KafkaWords, _ answer: inout KafkaBytes) {
        let count = words.count()
        var wanted: [String] = count < 0 ? self.scene.topics.keys.sorted() : []
        for _ in 0..<max(0, count) {
            if version >= 10 { words.skip(16) }
            wanted.append(words.text() ?? "")
            words.tags()
        }
        if version >= 3 { answer.add(Int32(0)) }
        answer.add(list: self.scene.alive) { answer, id in
            answer.add(id)
            answer.add(text: self.places[id]?.host ?? "127.0.0.1")
            answer.add(Int32(self.places[id]?.port ?? 9))
            answer.add(text: id % 2 == 0 ? nil : "r\(id)")
            answer.addTags()
        }
        if version >= 2 { answer.add(text: self.scene.clusterID) }
        // In a quorum of controllers this is any broker that is alive.
        answer.add(self.scene.voters == nil ? self.scene.controller : self.scene.alive.randomElement() ?? -1)
        answer.add(list: wanted) { answer, name in
            let partitions = self.scene.topics[name]
            answer.add(Int16(partitions == nil ? 3 : 0))
            answer.add(text: name)
            if version >= 10 { answer.add(UInt64(1), UInt64(2)) }
            answer.add(UInt8(0))
            answer.add(list: Array((partitions ?? []).enumerated())) { answer, entry in
                self.partition(entry.element, Int32(entry.offset), version, &answer)
            }
            if version >= 8 { answer.add(Int32.min) }
            answer.addTags()
        }
        if (8...10).contains(version) { answer.add(Int32.min) }
        answer.addTags()
    }

    private func partition(
        _ partition: KafkaScene.Partition,
        _ index: Int32,
        _ version: Int16,
        _ answer: inout KafkaBytes
    ) {
        answer.add(partition.error)
        answer.add(index, partition.leader)
        if version >= 7 { answer.add(Int32(4)) }
        answer.add(list: partition.replicas) { $0.add($1) }
        answer.add(list: partition.inSync) { $0.add($1) }
        if version >= 5 {
            answer.add(list: partition.replicas.filter { !self.scene.alive.contains($0) }) { $0.add($1) }
        }
        answer.addTags()
    }

    private func settings(_ version: Int16, _ words: inout KafkaWords, _ answer: inout KafkaBytes) {
        answer.add(Int32(0))
        var resources: [(kind: Int8, name: String)] = []
        for _ in 0..<max(0, words.count()) {
            resources.append((words.number(Int8.self), words.text() ?? ""))
            for _ in 0..<max(0, words.count()) { _ = words.text() }
            words.tags()
        }
        answer.add(list: resources) { answer, resource in
            let isMe = resource.kind == 2 || resource.name == "\(self.id)"
            let isThere = resource.kind != 2 || self.scene.topics[resource.name] != nil
            answer.add(Int16(!isMe ? 42 : isThere ? 0 : 3))
            answer.add(text: isMe ? nil : "Unexpected broker id")
            answer.add(resource.kind)
            answer.add(text: resource.name)
            answer.add(list: resource.kind == 2 ? [self.scene.leastInSync[resource.name] ?? 1] : []) { answer, least in
                answer.add(text: "min.insync.replicas")
                answer.add(text: "\(least)")
                answer.add(UInt8(0), UInt8(5), UInt8(0))
                if version >= 1 {
                    answer.add(list: ["a"]) { answer, name in
                        answer.add(text: name)
                        answer.add(text: nil)
                        answer.add(Int8(5))
                        answer.addTags()
                    }
                }
                if version >= 3 {
                    answer.add(Int8(3))
                    answer.add(text: nil)
                }
                answer.addTags()
            }
            answer.addTags()
        }
        answer.addTags()
    }

    private func moves(_ answer: inout KafkaBytes) {
        // Only the controller knows, or passes the question on.
        let knows = self.scene.voters != nil || self.id == self.scene.controller
        answer.add(Int32(0))
        answer.add(Int16(knows ? 0 : 41))
        answer.add(text: nil)
        let moving = knows ? self.scene.topics.filter { $0.value.contains { !$0.adding.isEmpty } } : [:]
        answer.add(list: moving.sorted { $0.key < $1.key }) { answer, topic in
            answer.add(text: topic.key)
            answer.add(list: topic.value.enumerated().filter { !$0.element.adding.isEmpty }) { answer, entry in
                answer.add(Int32(entry.offset))
                answer.add(list: entry.element.replicas) { $0.add($1) }
                answer.add(list: entry.element.adding) { $0.add($1) }
                answer.add(list: [Int32]()) { $0.add($1) }
                answer.addTags()
            }
            answer.addTags()
        }
        answer.addTags()
    }

    // MARK: Controllers

    private func quorum(_ version: Int16, _ answer: inout KafkaBytes) {
        let clock: Int64 = 1_700_000_000_000
        answer.add(Int16(0))
        if version >= 2 { answer.add(text: nil) }
        answer.add(list: [0 as Int32]) { answer, index in
            answer.add(text: "__cluster_metadata")
            answer.add(list: [index]) { answer, index in
                answer.add(index)
                answer.add(Int16(0))
                if version >= 2 { answer.add(text: nil) }
                answer.add(self.scene.controller, Int32(7))
                answer.add(Int64(1_000))
                for members in [self.scene.voters ?? [], self.scene.alive.map { ($0, 0) }] {
                    answer.add(list: members) { answer, member in
                        answer.add(member.id)
                        if version >= 2 { answer.add(UInt64(9), UInt64(9)) }
                        answer.add(Int64(1_000) - member.behind)
                        if version >= 1 { answer.add(clock - member.behind, clock - member.behind) }
                        answer.addTags()
                    }
                }
                answer.addTags()
            }
            answer.addTags()
        }
        if version >= 2 {
            answer.add(list: self.scene.voters ?? []) { answer, voter in
                answer.add(voter.id)
                answer.add(list: ["CONTROLLER"]) { answer, name in
                    answer.add(text: name)
                    answer.add(text: "127.0.0.1")
                    answer.add(UInt16(9_093))
                    answer.addTags()
                }
                answer.addTags()
            }
        }
        answer.addTags()
    }

    private func cluster(_ version: Int16, _ answer: inout KafkaBytes) {
        answer.add(Int32(0))
        answer.add(Int16(0))
        answer.add(text: nil)
        if version >= 1 { answer.add(Int8(2)) }
        answer.add(text: self.scene.clusterID)
        answer.add(self.scene.controller)
        answer.add(list: self.scene.voters ?? []) { answer, voter in
            answer.add(voter.id)
            answer.add(text: "127.0.0.1")
            answer.add(Int32(9_093))
            answer.add(text: nil)
            answer.addTags()
        }
        answer.add(Int32.min)
        answer.addTags()
    }

    // MARK: Groups

    private func groups(_ version: Int16, _ answer: inout KafkaBytes) {
        if version >= 1 { answer.add(Int32(0)) }
        answer.add(Int16(0))
        let own = self.scene.groups.filter { $0.value.coordinator == self.id }.keys.sorted()
        answer.add(list: own + ["connect-mirror"]) { answer, group in
            answer.add(text: group)
            answer.add(text: group == "connect-mirror" ? "connect" : "consumer")
            if version >= 4 { answer.add(text: "Stable") }
            answer.addTags()
        }
        answer.addTags()
    }

    private func commits(_ version: Int16, _ words: inout KafkaWords, _ answer: inout KafkaBytes) {
        let commits = self.scene.groups[words.text() ?? ""]?.commits ?? [:]
        if version >= 3 { answer.add(Int32(0)) }
        answer.add(list: commits.sorted { $0.key < $1.key }) { answer, topic in
            answer.add(text: topic.key)
            answer.add(list: topic.value.sorted { $0.key < $1.key }) { answer, commit in
                answer.add(commit.key)
                answer.add(commit.value)
                if version >= 5 { answer.add(Int32(4)) }
                answer.add(text: "")
                answer.add(Int16(0))
                answer.addTags()
            }
            answer.addTags()
        }
        answer.add(Int16(0))
        answer.addTags()
    }

    private func offsets(_ version: Int16, _ words: inout KafkaWords, _ answer: inout KafkaBytes) {
        _ = words.number(Int32.self)
        if version >= 2 {
            _ = words.number(Int8.self)
            answer.add(Int32(0))
        }
        let topics = max(0, words.count())
        answer.add(count: topics)
        for _ in 0..<topics {
            let name = words.text() ?? ""
            answer.add(text: name)
            let count = max(0, words.count())
            answer.add(count: count)
            for _ in 0..<count {
                let index = words.number(Int32.self)
                if version >= 4 { _ = words.number(Int32.self) }
                let moment = words.number(Int64.self)
                words.tags()
                let found = self.offset(of: name, index, at: moment)
                answer.add(index)
                answer.add(found.error)
                answer.add(found.time, found.offset)
                if version >= 4 { answer.add(Int32(4)) }
                answer.addTags()
            }
            words.tags()
            answer.addTags()
        }
        answer.addTags()
    }

    private func offset(
        of topic: String,
        _ index: Int32,
        at moment: Int64
    ) -> (error: Int16, time: Int64, offset: Int64) {
        guard let partitions = self.scene.topics[topic], partitions.indices.contains(Int(index)) else {
            return (3, -1, -1)
        }
        let partition = partitions[Int(index)]
        guard partition.leader == self.id else { return (6, -1, -1) }
        switch moment {
        case -1: return (0, -1, partition.end)
        case -2: return (0, -1, partition.start)
        default:
            let record = partition.records.first { $0.time >= moment && $0.offset >= partition.start }
            return (partition.hidesTimes ? 43 : 0, record?.time ?? -1, record?.offset ?? -1)
        }
    }
}

/// One request as it came over the wire, without its length.
package struct KafkaCall: Sendable {
    package let api: Int16
    package let version: Int16
    package let number: Int32
    /// Behind the client's name.
    package let body: [UInt8]

    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 10 else {
            return nil
        }
        var words = KafkaWords(bytes, isFlexible: false)
        self.api = words.number(Int16.self)
        self.version = words.number(Int16.self)
        self.number = words.number(Int32.self)
        let client = words.text() ?? ""
        self.body = Array(bytes.dropFirst(10 + client.utf8.count))
    }

    /// The answer as it goes over the wire; with another number it is one to another request.
    package func frame(_ body: [UInt8], number: Int32? = nil) -> [UInt8] {
        var message = KafkaBytes()
        message.add(number ?? self.number)
        if self.api != 18, KafkaAnswers.isFlexible(self.api, self.version) { message.add(raw: [0]) }
        message.add(raw: body)
        return message.frame
    }
}
