// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import Notifications

@Suite(.timeLimit(.minutes(10))) struct NotificationServiceTests {
    static let passing = ChannelFailure(message: "busy", isRetriable: true)
    static let lasting = ChannelFailure(message: "no such channel there", isRetriable: false)

    static func service(_ channels: [String: any Channel], _ clock: ImmediateClock) -> NotificationService {
        NotificationService(directory: ChannelDirectory(channels), clock: clock)
    }

    @Test func `what passes is tried again after longer and longer pauses`() async {
        let clock = ImmediateClock()
        let channel = ListedChannel([.failure(Self.passing), .failure(Self.passing), .success("hm")])
        let reports = await Self.service(["a": channel], clock).deliver(.sample(), to: ["a"])
        #expect(
            reports == [
                DeliveryReport(channel: "a", outcome: .delivered, attempts: 3, duration: .seconds(3), remark: "hm")
            ]
        )
        #expect(clock.sleeps == [.seconds(1), .seconds(2)])
    }

    @Test func `what lasts is not tried again`() async {
        let clock = ImmediateClock()
        let channel = ListedChannel([.failure(Self.lasting)])
        let reports = await Self.service(["a": channel], clock).deliver(.sample(), to: ["a"])
        #expect(reports.map(\.outcome) == [.failed("no such channel there")])
        #expect(reports.map(\.attempts) == [1])
        #expect(clock.sleeps == [])
    }

    @Test func `three attempts are enough, and a lost answer is remembered`() async {
        let clock = ImmediateClock()
        let lost = ChannelFailure(message: "silence", isRetriable: true, mayHaveArrived: true)
        let channel = ListedChannel([.failure(lost), .failure(Self.passing), .failure(Self.passing), .success(nil)])
        let reports = await Self.service(["a": channel], clock).deliver(.sample(), to: ["a"])
        #expect(reports.map(\.outcome) == [.failed("busy")])
        #expect(reports.map(\.attempts) == [3])
        #expect(reports.map(\.mayHaveArrived) == [true])
    }

    @Test func `a receiver that asks for more time than there is gets no second attempt`() async {
        let clock = ImmediateClock()
        let patient = ChannelFailure(message: "slow down", isRetriable: true, retryAfter: .seconds(5))
        let endless = ChannelFailure(message: "slow down", isRetriable: true, retryAfter: .seconds(60))
        let channel = ListedChannel([.failure(patient), .failure(endless), .success(nil)])
        let reports = await Self.service(["a": channel], clock).deliver(.sample(), to: ["a"])
        #expect(reports.map(\.attempts) == [2])
        #expect(clock.sleeps == [.seconds(5)])
        guard case .failed(let message)? = reports.first?.outcome else { return #expect(Bool(false)) }
        #expect(message.hasPrefix("slow down; another attempt would exceed"))
    }

    @Test func `an attempt gets no more time than the budget has left`() async {
        let clock = ImmediateClock()
        let channel = ListedChannel([.failure(Self.passing), .failure(Self.passing)]) {
            clock.advance(by: .seconds(12))
        }
        _ = await Self.service(["a": channel], clock).deliver(.sample(), to: ["a"])
        // 30 s, less 12 and 1, less 12 and 2.
        #expect(channel.timeouts == [.seconds(10), .seconds(10), .seconds(3)])
    }

    @Test func `reports come in the order asked for, unknown and repeated names included`() async {
        let clock = ImmediateClock()
        let channels = ["a": ListedChannel([]), "b": ListedChannel([.failure(Self.lasting)])]
        let reports = await Self.service(channels, clock).deliver(.sample(), to: ["b", "nobody", "a", "b"])
        #expect(reports.map(\.channel) == ["b", "nobody", "a"])
        #expect(reports.map(\.outcome) == [.failed("no such channel there"), .unknownChannel, .delivered])
        #expect(reports.map(\.attempts) == [1, 0, 1])
        #expect(channels["b"]?.timeouts.count == 1)
    }

    @Test func `a slow channel delays no other`() async throws {
        let (events, says) = AsyncStream.makeStream(of: String.self)
        let (gate, opens) = AsyncStream.makeStream(of: Void.self)
        let slow = ListedChannel([]) { for await _ in gate { break } }
        let quick = ListedChannel([]) { says.yield("quick") }
        let service = Self.service(["slow": slow, "quick": quick], ImmediateClock())
        async let reports = service.deliver(.sample(), to: ["slow", "quick"])
        var seen = events.makeAsyncIterator()
        #expect(await seen.next() == "quick")
        opens.finish()
        let outcomes = await reports.map(\.outcome)
        #expect(outcomes == [.delivered, .delivered])
    }

    @Test func `a cancelled delivery ends while it waits to try again`() async {
        let (events, says) = AsyncStream.makeStream(of: String.self)
        let channel = ListedChannel([.failure(Self.passing)]) { says.yield("tried") }
        let policy = NotificationService.Policy(budget: .seconds(3600), firstPause: .seconds(1800))
        let service = NotificationService(directory: ChannelDirectory(["a": channel]), policy: policy)
        let task = Task { await service.deliver(.sample(), to: ["a"]) }
        var seen = events.makeAsyncIterator()
        _ = await seen.next()
        task.cancel()
        let reports = await task.value
        #expect(reports.map(\.attempts) == [1])
        #expect(!reports[0].isDelivered)
    }
}

@Suite(.timeLimit(.minutes(10))) struct DeliveryPlacesTests {
    /// How many are inside, and how many ever were at once.
    private final class Attendance: Sendable {
        private let count = Mutex((now: 0, most: 0))

        var most: Int { self.count.withLock { $0.most } }

        func change(by difference: Int) {
            self.count.withLock { count in
                count.now += difference
                count.most = max(count.most, count.now)
            }
        }
    }

    @Test func `places are handed on in order`() async {
        let places = DeliveryPlaces()
        let clock = ContinuousClock()
        for _ in 0..<DeliveryPlaces.limit {
            #expect(await places.enter(patience: .seconds(50), clock: clock) == .entered)
        }
        async let next = places.enter(patience: .seconds(50), clock: clock)
        places.leave()
        #expect(await next == .entered)
    }

    @Test func `patience ends, and a place that is free later serves somebody else`() async {
        let places = DeliveryPlaces()
        let clock = ContinuousClock()
        for _ in 0..<DeliveryPlaces.limit { _ = await places.enter(patience: .seconds(50), clock: clock) }
        #expect(await places.enter(patience: .milliseconds(10), clock: clock) == .timedOut)
        places.leave()
        #expect(await places.enter(patience: .seconds(50), clock: clock) == .entered)
        #expect(await places.enter(patience: .milliseconds(10), clock: clock) == .timedOut)
    }

    @Test func `a cancelled task leaves the line`() async {
        let places = DeliveryPlaces()
        let clock = ContinuousClock()
        for _ in 0..<DeliveryPlaces.limit { _ = await places.enter(patience: .seconds(50), clock: clock) }
        let task = Task { await places.enter(patience: .seconds(50), clock: clock) }
        task.cancel()
        #expect(await task.value == .cancelled)
        places.leave()
        #expect(await places.enter(patience: .seconds(50), clock: clock) == .entered)
    }

    // Goal: no place is ever lost or given twice, whoever gives up when.
    // Method: many tasks with little patience, some cancelled; afterwards exactly the limit is free.
    @Test func `places survive a crowd`() async {
        let places = DeliveryPlaces()
        let inside = Attendance()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<400 {
                group.addTask {
                    let task = Task {
                        let patience = Duration.microseconds(number % 7 * 100)
                        guard await places.enter(patience: patience, clock: ContinuousClock()) == .entered else {
                            return
                        }
                        inside.change(by: 1)
                        await Task.yield()
                        inside.change(by: -1)
                        places.leave()
                    }
                    if number % 5 == 0 { task.cancel() }
                    await task.value
                }
            }
        }
        #expect(inside.most <= DeliveryPlaces.limit)
        for _ in 0..<DeliveryPlaces.limit {
            #expect(await places.enter(patience: .milliseconds(1), clock: ContinuousClock()) == .entered)
        }
        #expect(await places.enter(patience: .milliseconds(1), clock: ContinuousClock()) == .timedOut)
    }

    @Test func `a line that is full turns away`() async {
        let places = DeliveryPlaces()
        let clock = ContinuousClock()
        for _ in 0..<DeliveryPlaces.limit { _ = await places.enter(patience: .seconds(50), clock: clock) }
        let outcomes = await withTaskGroup(of: DeliveryPlaces.Entrance.self) { group in
            for _ in 0..<DeliveryPlaces.waitingLimit + 20 {
                group.addTask { await places.enter(patience: .seconds(1), clock: clock) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.contains(.turnedAway))
        #expect(outcomes.allSatisfy { $0 == .turnedAway || $0 == .timedOut })
    }
}
