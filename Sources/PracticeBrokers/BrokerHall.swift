// Selfheal
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What the brokers of a practice cluster know of one another, where real ones have ZooKeeper: who is alive, and who controls.
///
/// ```
/// 1, 2, 3        a file for each broker, which the broker keeps locked as long as it lives
/// controller     the id of the one that controls; when that one is gone, whoever looks next writes down the first that lives
/// ```
///
/// The kernel lets go of a lock when its process ends, however it ends. All who look choose the same controller, so that it does not matter who
/// writes last.
package struct BrokerHall: Sendable {
    package struct Refusal: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) {
            self.description = description
        }
    }

    /// The commands of `fcntl` for locks that belong to an open file rather than a process.
    private static let getLock: Int32 = 36
    private static let setLock: Int32 = 37

    package let folder: String
    /// Everybody who may be there, sorted.
    package let brokers: [Int32]

    package init(folder: String, brokers: some Sequence<Int32>) {
        self.folder = folder
        self.brokers = brokers.sorted()
    }

    /// Counts as alive from now on, until the descriptor that is returned is closed.
    package func enter(_ id: Int32) throws(Refusal) -> Int32 {
        mkdir(self.folder, 0o700)
        let descriptor = open(self.file(of: id), O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw Refusal(description: "'\(self.file(of: id))' cannot be opened: \(String(cString: strerror(errno)))")
        }
        var lock = Self.wholeFile
        guard fcntl(descriptor, Self.setLock, &lock) == 0 else {
            close(descriptor)
            throw Refusal(description: "another process is the broker \(id)")
        }
        return descriptor
    }

    package var alive: [Int32] {
        self.brokers.filter { id in
            let descriptor = open(self.file(of: id), O_RDWR | O_CLOEXEC)
            guard descriptor >= 0 else {
                return false
            }
            defer { close(descriptor) }
            var lock = Self.wholeFile
            return fcntl(descriptor, Self.getLock, &lock) == 0 && lock.l_type != Int16(F_UNLCK)
        }
    }

    /// Which of those that are alive controls; -1 when nobody lives.
    package func controller(of alive: [Int32]) -> Int32 {
        if let id = self.recordedController, alive.contains(id) {
            return id
        }
        guard let next = alive.first else {
            return -1
        }
        let new = "\(self.folder)/controller.\(getpid())"
        if let file = fopen(new, "we") {
            fputs("\(next)\n", file)
            fclose(file)
            rename(new, "\(self.folder)/controller")
        }
        return next
    }

    private var recordedController: Int32? {
        guard let file = fopen("\(self.folder)/controller", "re") else {
            return nil
        }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 16)
        guard fgets(&line, Int32(line.count), file) != nil else {
            return nil
        }
        let digits = line.prefix { $0 >= 48 && $0 <= 57 }.map { UInt8(bitPattern: $0) }
        return Int32(String(decoding: digits, as: UTF8.self))
    }

    private func file(of id: Int32) -> String {
        "\(self.folder)/\(id)"
    }

    private static var wholeFile: flock {
        flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    }
}

extension KafkaScene {
    /// The topics of a practice cluster, and how many partitions each has.
    private static let practiceTopics: [(name: String, partitions: Int)] = [("orders", 6), ("payments", 4)]

    /// A cluster of these brokers, of which some are alive.
    ///
    /// A partition has three replicas where there are as many brokers. It is led by the first of them that lives, those that live are in sync, and
    /// with none left it is offline and remembers who led it last. Two replicas must be in sync for a write where there are three.
    package init(practising clusterID: String, brokers: [Int32], alive: [Int32], controller: Int32) {
        self.init(alive: alive, controller: controller)
        self.clusterID = clusterID
        guard !brokers.isEmpty else {
            return
        }
        let copies = min(3, brokers.count)
        for topic in Self.practiceTopics {
            self.topics[topic.name] = (0..<topic.partitions).map { index in
                let replicas = (0..<copies).map { brokers[(index + $0) % brokers.count] }
                let living = replicas.filter { alive.contains($0) }
                guard let leader = living.first else {
                    var partition = Partition(leader: -1, replicas: replicas, inSync: [replicas[0]])
                    // LEADER_NOT_AVAILABLE
                    partition.error = 5
                    return partition
                }
                return Partition(leader: leader, replicas: replicas, inSync: living)
            }
            self.leastInSync[topic.name] = max(1, copies - 1)
        }
    }
}
