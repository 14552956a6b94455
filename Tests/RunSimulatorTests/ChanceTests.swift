// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunSimulator
import RunVocabulary
import Testing

@Suite struct ChanceTests {
    @Test func `the generator gives the numbers of its definition`() {
        var generator = SplitMix64(seed: 1_234_567)
        let numbers = (0..<3).map { _ in generator.next() }
        #expect(numbers == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
    }

    @Test func `numbers that are passed over are those that would have been drawn`() {
        var (drawing, skipping) = (SplitMix64(seed: 5), SplitMix64(seed: 5))
        for _ in 0..<1_000 {
            _ = drawing.next()
        }
        skipping.skip(1_000)
        #expect(drawing == skipping)
        #expect(drawing.next() == skipping.next())
    }

    @Test func `what is taken out of a queue leaves the others in their order`() {
        var queue = EventQueue<Int>()
        var generator = SplitMix64(seed: 10)
        var expected: [(moment: Int64, number: Int)] = []
        for number in 0..<500 {
            let moment = Int64(generator.number(below: 40))
            queue.add(number, at: Instant(milliseconds: moment))
            expected.append((moment, number))
        }
        #expect(queue.nextMoment { $0 == 77 }?.milliseconds == expected[77].moment)
        #expect(queue.nextMoment { $0 == 500 } == nil)
        queue.removeAll { $0.isMultiple(of: 3) }
        expected.removeAll { $0.number.isMultiple(of: 3) }
        expected.sort { ($0.moment, $0.number) < ($1.moment, $1.number) }
        var taken: [Int] = []
        while let next = queue.take() {
            taken.append(next.event)
        }
        #expect(taken == expected.map(\.number))
    }

    @Test func `a length is drawn from all of its range and from nothing else`() {
        var generator = SplitMix64(seed: 3)
        let range = Milliseconds(5)...Milliseconds(8)
        let drawn = (0..<1_000).map { _ in generator.length(in: range).count }
        #expect(Set(drawn) == [5, 6, 7, 8])
        let before = generator
        #expect(generator.length(in: Milliseconds(7)...Milliseconds(7)) == Milliseconds(7))
        #expect(generator == before)
    }

    @Test func `events come by moment, and within a moment in the order they were put in`() {
        var queue = EventQueue<Int>()
        var generator = SplitMix64(seed: 9)
        var expected: [(moment: Int64, number: Int)] = []
        for number in 0..<500 {
            let moment = Int64(generator.number(below: 40))
            queue.add(number, at: Instant(milliseconds: moment))
            expected.append((moment, number))
        }
        expected.sort { ($0.moment, $0.number) < ($1.moment, $1.number) }
        var taken: [Int] = []
        while let next = queue.take() {
            taken.append(next.event)
        }
        #expect(taken == expected.map(\.number))
        #expect(queue.isEmpty && queue.nextMoment == nil)
    }
}
