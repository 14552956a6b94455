// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Probes

@Suite struct DeadlineHeapTests {
    private final class Timer: HasDeadline {
        let deadline: MonotonicTime
        var heapIndex: Int?

        init(_ deadline: UInt64) {
            self.deadline = MonotonicTime(nanoseconds: deadline)
        }
    }

    @Test func `timers come out in order, whichever were taken out before`() {
        var heap = DeadlineHeap<Timer>()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<50 {
            var timers = (0..<200).map { _ in Timer(.random(in: 0..<100, using: &random)) }
            for timer in timers { heap.insert(timer) }
            timers.shuffle(using: &random)
            for timer in timers.prefix(70) {
                heap.remove(timer)
                heap.remove(timer)
                #expect(timer.heapIndex == nil)
            }
            var left: [UInt64] = []
            while let first = heap.first {
                left.append(first.deadline.nanoseconds)
                heap.remove(first)
            }
            #expect(left == timers.dropFirst(70).map(\.deadline.nanoseconds).sorted())
            #expect(heap.count == 0)
        }
    }

    @Test func `a queue keeps its order while being drained and thinned out`() {
        var queue = FIFOQueue<Int>()
        for number in 0..<500 { queue.append(number) }
        for number in 0..<300 { #expect(queue.popFirst() == number) }
        queue.removeAll { $0.isMultiple(of: 2) }
        #expect(queue.count == 100)
        for number in stride(from: 301, to: 500, by: 2) { #expect(queue.popFirst() == number) }
        #expect(queue.popFirst() == nil)
        #expect(queue.isEmpty)
    }

    @Test func `a used place in the socket table does not answer to its old token`() {
        var table = SocketTable()
        let first = table.insert(descriptor: 5)
        table.remove(first)
        let second = table.insert(descriptor: 5)
        #expect(second.token.index == first.token.index)
        #expect(table[first.token] == nil)
        #expect(table[second.token] === second)
        #expect(SocketToken(packed: second.token.packed) == second.token)
        #expect(table.openCount == 1)
    }
}
