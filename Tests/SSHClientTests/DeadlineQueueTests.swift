// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SSHClient

@Suite struct DeadlineQueueTests {
    @Test func `entries come out in order of time, and not before it`() {
        var queue = DeadlineQueue()
        for moment in [5, 3, 9, 1, 7, 3] as [UInt64] {
            queue.insert(moment * 10, at: BootTime(nanoseconds: moment))
        }
        #expect(queue.earliest == BootTime(nanoseconds: 1))
        var popped: [UInt64] = []
        while let sleeper = queue.popDue(now: BootTime(nanoseconds: 7)) {
            popped.append(sleeper)
        }
        #expect(popped == [10, 30, 30, 50, 70])
        #expect(queue.earliest == BootTime(nanoseconds: 9))
    }

    @Test func `a rebuilt queue has only what it was given`() {
        var queue = DeadlineQueue()
        queue.insert(1, at: BootTime(nanoseconds: 1))
        let entries: [(UInt64, BootTime)] = [(3, BootTime(nanoseconds: 3)), (2, BootTime(nanoseconds: 2))]
        queue.rebuild(from: entries)
        #expect(queue.count == 2)
        #expect(queue.popDue(now: BootTime(nanoseconds: 9)) == 2)
        #expect(queue.popDue(now: BootTime(nanoseconds: 9)) == 3)
        #expect(queue.popDue(now: BootTime(nanoseconds: 9)) == nil)
    }

    @Test(arguments: [
        (Duration.seconds(10), "10 s"), (.milliseconds(300), "0.3 s"), (.milliseconds(1_050), "1.05 s"),
        (.seconds(-1), "0 s"),
    ])
    func `durations are written in seconds`(duration: Duration, text: String) {
        #expect(duration.inSeconds == text)
    }
}
